// One line about the connection. Signalling and media fail apart: while media flows, a lost WebSocket
// is only a hint.
import type { Call } from "./call";
import { Icon } from "./icons";

export function Banner({ call }: { call: Call }) {
  const words = connectionWords(call.reachable.value, call.media.value);
  return (
    <div class="banner" role="status">
      {words && (
        <p class={words.bad ? "banner-words bad" : "banner-words"}>
          {words.bad && <Icon name="warn" size={18} />}
          {words.text}
        </p>
      )}
    </div>
  );
}

export function connectionWords(reachable: boolean, media: RTCPeerConnectionState): { text: string; bad: boolean } | undefined {
  if (!reachable && media === "connected") return { text: "Reconnecting to the server. The call goes on.", bad: true };
  if (!reachable || media === "disconnected" || media === "failed") {
    return { text: "Connection lost. Reconnecting by itself…", bad: true };
  }
  if (media === "new" || media === "connecting") return { text: "Connecting…", bad: false };
  return undefined;
}
