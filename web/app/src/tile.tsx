// One tile: a picture or initials, a name, and whether they are muted or speak.
import { useState } from "preact/hooks";
import type { Call } from "./call";
import { camera } from "./devices";
import { Icon } from "./icons";
import { hue, initials, type TileModel } from "./tiles";
import { OwnVideo, RemoteVideo } from "./video";

export function Tile({ call, model }: { call: Call; model: TileModel }) {
  const [visible, setVisible] = useState(false);
  const { participant, video, screen, you } = model;
  const name = nameOf(model);
  const speaking = !screen && call.speaking.value.has(participant.id);
  const muted = !screen && isMuted(model);
  const mine = you && camera.track.value;
  const classes = ["tile", screen && "screen", speaking && "speaking", !participant.connected && "away"];
  return (
    <div
      class={classes.filter(Boolean).join(" ")}
      role="group"
      aria-label={describe(name, { muted, speaking, connected: participant.connected })}
      data-participant={participant.id}
      data-source={video?.source}
      data-track={video?.id}
      data-kind={video?.kind}
      data-visible={Boolean(mine || visible)}
    >
      {!mine && !visible && <Avatar id={participant.id} name={name} screen={screen} />}
      {mine && <OwnVideo media={mine} />}
      {video && !you && (
        <RemoteVideo key={video.id} room={call.room} track={video.id} pinned={screen} onvisible={setVisible} />
      )}
      <div class="label">
        {muted && <Icon name="microphone-off" size={16} />}
        <span class="name">{name}</span>
        {!participant.connected && <span class="quiet">reconnecting…</span>}
      </div>
    </div>
  );
}

function Avatar({ id, name, screen }: { id: string; name: string; screen: boolean }) {
  if (screen) return <div class="waiting">Waiting for the picture…</div>;
  return (
    <div class="avatar" style={{ "--hue": String(hue(id)) }} aria-hidden="true">
      {initials(name.replace(/ \(you\)$/, ""))}
    </div>
  );
}

function nameOf({ participant, screen, you }: TileModel): string {
  const name = participant.name || participant.id;
  if (screen) return `${name}’s screen`;
  return you ? `${name} (you)` : name;
}

/** Without a microphone one is as silent as with a muted one. */
function isMuted({ participant }: TileModel): boolean {
  const sound = participant.tracks.filter((t) => t.kind === "audio" && t.source !== "screen-audio");
  return sound.every((t) => t.muted);
}

function describe(name: string, is: { muted: boolean; speaking: boolean; connected: boolean }): string {
  const parts = [name, is.muted && "muted", is.speaking && "speaking", !is.connected && "reconnecting"];
  return parts.filter(Boolean).join(", ");
}
