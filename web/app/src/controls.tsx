// The bar with the buttons.
import { useState } from "preact/hooks";
import { canShareScreen } from "../../sdk/src/index";
import { invite } from "./api";
import type { Call } from "./call";
import { camera, microphone, type Device } from "./devices";
import { Icon, type IconName } from "./icons";
import { loadSeat } from "./memory";

export function Controls({ call }: { call: Call }) {
  const unread = call.chat.unread.value;
  return (
    <div class="controls" role="toolbar" aria-label="Call">
      {call.may("microphone") && <DeviceButton call={call} device={microphone} />}
      {call.may("camera") && <DeviceButton call={call} device={camera} />}
      {call.may("screen") && canShareScreen() && <ScreenButton call={call} />}
      <Round
        icon="chat"
        label={unread > 0 ? `Chat, ${unread} unread` : "Chat"}
        pressed={call.chat.open.value}
        mark={unread}
        onclick={() => call.chat.toggle()}
      />
      {call.room.grants.moderate && <InviteButton call={call} />}
      <Round icon="leave" label="Leave" kind="danger" onclick={() => call.leave()} />
    </div>
  );
}

function DeviceButton({ call, device }: { call: Call; device: Device }) {
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

function ScreenButton({ call }: { call: Call }) {
  const sharing = call.sharing.value;
  return (
    <Round
      icon="screen"
      label={sharing ? "Stop sharing" : "Share screen"}
      pressed={sharing}
      onclick={() => void call.toggleScreen()}
    />
  );
}

function InviteButton({ call }: { call: Call }) {
  const [busy, setBusy] = useState(false);
  const copy = async () => {
    setBusy(true);
    try {
      const link = await invite(call.room.name, loadSeat(call.room.name)?.token ?? "");
      await copyText(link, call);
    } catch (e) {
      call.say(e instanceof Error && e.message ? e.message : "The invitation could not be made.");
    } finally {
      setBusy(false);
    }
  };
  return <Round icon="link" label="Copy invitation link" busy={busy} onclick={() => void copy()} />;
}

/** Pages without HTTPS have no clipboard: then the link is shown to be copied by hand. */
async function copyText(link: string, call: Call): Promise<void> {
  try {
    await navigator.clipboard.writeText(link);
    call.say("The invitation link was copied.");
  } catch {
    call.say(link);
  }
}

interface RoundProps {
  icon: IconName;
  label: string;
  kind?: "off" | "danger";
  pressed?: boolean;
  busy?: boolean;
  mark?: number;
  onclick(): void;
}

function Round({ icon, label, kind, pressed, busy, mark, onclick }: RoundProps) {
  return (
    <button
      type="button"
      class={["round", kind].filter(Boolean).join(" ")}
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
