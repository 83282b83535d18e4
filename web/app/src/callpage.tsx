// The call: tiles, chat, buttons, and words about the connection.
import type { Call } from "./call";
import { ChatPanel } from "./chatpanel";
import { Controls } from "./controls";
import { Icon } from "./icons";
import { Stage } from "./stage";

export function CallPage({ call }: { call: Call }) {
  const count = call.participants.value.length;
  return (
    <div class={call.chat.open.value ? "call with-chat" : "call"}>
      <header class="bar">
        <h1>{call.room.name}</h1>
        <p class="count" aria-label={count === 1 ? "1 participant" : `${count} participants`}>
          <Icon name="people" size={18} />
          <span>{count}</span>
        </p>
        {call.sharing.value && (
          <button type="button" class="pill" onClick={() => void call.toggleScreen()}>
            You are sharing your screen · Stop
          </button>
        )}
      </header>
      <Stage call={call} />
      {call.chat.open.value && <ChatPanel chat={call.chat} may={call.room.grants.data ?? false} />}
      <div class="notes" role="status" aria-live="polite">
        <ConnectionNote call={call} />
        {call.notice.value && <p class="note">{call.notice.value}</p>}
        {call.audioBlocked.value && (
          <button type="button" class="note action" onClick={() => call.startAudio()}>
            Your browser muted the others. Click to hear them.
          </button>
        )}
      </div>
      <Controls call={call} />
    </div>
  );
}

/** Signalling and media fail apart: while media flows, a lost WebSocket is only a hint. */
function ConnectionNote({ call }: { call: Call }) {
  const media = call.media.value;
  if (!call.reachable.value) {
    const alive = media === "connected";
    return <p class="note warn">{alive ? "Reconnecting to the server… The call goes on." : "Connection lost. Reconnecting…"}</p>;
  }
  if (media === "disconnected" || media === "failed") return <p class="note warn">Connection lost. Reconnecting…</p>;
  if (media === "new" || media === "connecting") return <p class="note">Connecting…</p>;
  return null;
}
