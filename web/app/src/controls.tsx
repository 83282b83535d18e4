// The bar with the buttons.
import { canShareScreen } from "../../sdk/src/index";
import type { Call } from "./call";
import { CameraMenu, MicrophoneMenu } from "./devicemenu";
import { camera, microphone, type Device } from "./devices";
import { handUp } from "./hands";
import { Icon, type IconName } from "./icons";
import { Menu, type MenuGroup, type MenuItem } from "./menu";
import { MoreMenu } from "./moremenu";
import { emojis } from "./reactions";

export function Controls({ call, inert }: { call: Call; inert: boolean }) {
  const unread = call.chat.unread.value;
  const up = handUp(call.me);
  return (
    <div class="controls" role="region" aria-label="Call controls" inert={inert}>
      {call.sending.may("microphone") && (
        <Pair>
          <DeviceButton call={call} device={microphone} />
          <MicrophoneMenu call={call} />
        </Pair>
      )}
      {call.sending.may("camera") && (
        <Pair>
          <DeviceButton call={call} device={camera} />
          <CameraMenu call={call} />
        </Pair>
      )}
      {call.sending.may("screen") && canShareScreen() && <ScreenButton call={call} />}
      <Round icon="hand" label={up ? "Lower hand" : "Raise hand"} pressed={up} onclick={() => void call.toggleHand()} />
      {call.room.grants.data && <ReactionMenu call={call} />}
      <Round
        icon="chat"
        label={unread > 0 ? `Chat, ${unread} unread` : "Chat"}
        pressed={call.chat.open.value}
        mark={unread}
        onclick={() => call.view.toggleChat()}
      />
      <MoreMenu call={call} />
      <Round icon="leave" label="Leave" kind="danger" onclick={() => call.leave()} />
    </div>
  );
}

/** A button and the menu that belongs to it, as one shape. */
function Pair({ children }: { children: preact.ComponentChildren }) {
  return <div class="pair">{children}</div>;
}

export function DeviceButton({ call, device }: { call: Call; device: Device }) {
  const on = device.track.value !== undefined;
  return (
    <Round
      icon={on ? device.kind : `${device.kind}-off`}
      label={on ? `Turn ${device.kind} off` : `Turn ${device.kind} on`}
      kind={on ? undefined : "off"}
      busy={device.opening.value}
      onclick={() => void call.toggle(device)}
    />
  );
}

/** One click shares; with something shared it is a menu: share more, or stop one. */
function ScreenButton({ call }: { call: Call }) {
  const { sending } = call;
  const screens = sending.shares.value.filter((s) => s.kind === "screen");
  if (screens.length === 0) {
    return <Round icon="screen" label="Share screen" busy={sending.adding.value} wide onclick={() => void sending.addScreen()} />;
  }
  return (
    <Menu class="round wide-only active" label="Shared screens" groups={screenGroups(call)}>
      <Icon name="screen" />
      {screens.length > 1 && <span class="mark">{screens.length}</span>}
    </Menu>
  );
}

/** Also in the menu of a phone, and behind the words at the top. */
export function screenGroups(call: Call): MenuGroup[] {
  const { sending } = call;
  const screens = sending.shares.value.filter((s) => s.kind === "screen");
  const stop = screens.map((s, i): MenuItem => {
    const which = screens.length > 1 ? ` ${i + 1} (${s.label.slice(0, 40)})` : "";
    return { label: `Stop sharing${which}`, icon: "close", run: () => void sending.remove(s) };
  });
  const more: MenuItem = { label: "Share another screen", icon: "plus", run: () => void sending.addScreen() };
  return [{ items: stop }, { items: [more] }];
}

function ReactionMenu({ call }: { call: Call }) {
  const items = emojis.map((emoji): MenuItem => ({ label: emoji, run: () => call.reactions.send(emoji) }));
  return (
    <Menu class="round reactions-button" label="React" groups={[{ items }]}>
      <Icon name="smile" />
    </Menu>
  );
}

interface RoundProps {
  icon: IconName;
  label: string;
  kind?: "off" | "danger";
  pressed?: boolean;
  busy?: boolean;
  mark?: number;
  /** Only where there is room: a phone has it in its menu. */
  wide?: boolean;
  onclick(): void;
}

export function Round({ icon, label, kind, pressed, busy, mark, wide, onclick }: RoundProps) {
  return (
    <button
      type="button"
      class={["round", kind, wide && "wide-only"].filter(Boolean).join(" ")}
      aria-label={label}
      title={label}
      aria-pressed={pressed}
      aria-busy={busy}
      onClick={onclick}
    >
      <Icon name={icon} />
      {mark ? <span class="mark">{mark > 9 ? "9+" : mark}</span> : null}
    </button>
  );
}
