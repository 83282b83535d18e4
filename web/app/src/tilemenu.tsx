// What one can do with a tile: pin it, see it in full, and moderate who is in it.
import type { Call } from "./call";
import { handUp } from "./hands";
import { Icon } from "./icons";
import { Menu, type MenuItem } from "./menu";
import { nameOf } from "./call";
import type { TileModel } from "./tiles";
import { canFullscreen } from "./view";

export function TileMenu({ call, model, pinned }: { call: Call; model: TileModel; pinned: boolean }) {
  const name = nameOf(model.participant);
  const groups = [{ items: viewItems(call, model, pinned) }, { items: own(call, model) }, { items: moderation(call, model) }];
  return (
    <div class="tile-tools">
      <button
        type="button"
        class="tool"
        aria-label={pinned ? `Unpin ${name}` : `Pin ${name}`}
        title={pinned ? "Unpin" : "Pin"}
        aria-pressed={pinned}
        onClick={() => call.view.pin(model.key)}
      >
        <Icon name="pin" size={18} />
      </button>
      <Menu class="tool" label={`Options for ${name}`} groups={groups}>
        <Icon name="more" size={18} />
      </Menu>
    </div>
  );
}

function viewItems(call: Call, { key }: TileModel, pinned: boolean): MenuItem[] {
  const items: MenuItem[] = [{ label: pinned ? "Unpin" : "Pin", icon: "pin", run: () => call.view.pin(key) }];
  if (call.view.pinned.value.size > 0 && !pinned) {
    items.push({ label: "Pin beside", icon: "plus", run: () => call.view.pin(key, true) });
  }
  if (canFullscreen()) items.push({ label: "Full screen", icon: "full", run: () => void call.view.toggleFullscreen(element(key)) });
  return items;
}

function element(key: string): Element | undefined {
  return document.querySelector(`[data-tile="${CSS.escape(key)}"] .tile`) ?? undefined;
}

function own(call: Call, { you, video, key }: TileModel): MenuItem[] {
  const share = you && video && key === video.id ? call.sending.shareOf(video.id) : undefined;
  return share ? [{ label: "Stop this camera", icon: "camera-off", run: () => void call.sending.remove(share) }] : [];
}

/** Only for those who may. */
export function moderation(call: Call, { participant, you, screen }: Pick<TileModel, "participant" | "you" | "screen">): MenuItem[] {
  const { moderation: m } = call;
  if (you || !m.allowed) return [];
  const items: MenuItem[] = m.mutable(participant).map((t) => ({
    label: { microphone: "Mute microphone", camera: "Turn camera off", screen: "Stop the screen", "screen-audio": "Mute the screen’s sound" }[t.source as string] ?? `Mute ${t.source}`,
    icon: t.kind === "audio" ? "microphone-off" : "camera-off",
    run: () => m.mute(t),
  }));
  if (handUp(participant) && !screen) items.push({ label: "Lower the hand", icon: "hand", run: () => m.lowerHand(participant) });
  items.push({ label: "Remove from the call", icon: "remove", danger: true, run: () => confirmRemoval(call, participant) });
  return items;
}

/** Removing cannot be undone while the room lives: it takes a second click. */
function confirmRemoval(call: Call, participant: TileModel["participant"]): void {
  call.news.say(`Remove ${nameOf(participant)} from the call? They cannot come back.`, {
    label: "Remove",
    run: () => call.moderation.remove(participant),
  });
}
