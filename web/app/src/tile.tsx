// One tile: a picture or initials, a name, and how its participant does.
import { useEffect, useState } from "preact/hooks";
import { nameOf, type Call } from "./call";
import { handUp } from "./hands";
import { Icon } from "./icons";
import { TileMenu } from "./tilemenu";
import { hue, initials, lie, type Size, type TileModel } from "./tiles";
import { OwnVideo, RemoteVideo } from "./video";
import { qualityWords, troubleWords } from "./trouble";

interface Props {
  call: Call;
  model: TileModel;
  /** In CSS pixels, where the stage decides it. */
  size?: Size;
  /** Shown large: its picture comes before the others'. */
  featured?: boolean;
  /** In the small window of its own. */
  apart?: boolean;
}

export function Tile({ call, model, size, featured = false, apart = false }: Props) {
  const [visible, setVisible] = useState(false);
  const { participant, video, screen, you } = model;
  const mine = you && video ? call.sending.media(video.id) : undefined;
  const speaking = !screen && call.speaking.value.has(participant.id);
  const name = tileName(model);
  const pinned = call.view.pinned.value.has(model.key);
  const lies = screen ? "whole" : lie({ width: video?.width ?? 0, height: video?.height ?? 0 }, size ?? { width: 0, height: 0 });
  const classes = ["tile", screen && "screen", speaking && "speaking", !participant.connected && "away", isSmall(size) && "small"];
  return (
    <div
      class={classes.filter(Boolean).join(" ")}
      role="group"
      aria-label={describe(call, model, name, speaking)}
      data-participant={participant.id}
      data-source={video?.source}
      data-track={video?.id}
      data-kind={video?.kind}
      data-visible={Boolean(mine || visible)}
      onDblClick={(e) => onPicture(e) && call.view.pin(model.key)}
    >
      {!mine && !visible && <Stand call={call} model={model} />}
      {mine && <OwnVideo media={mine} mirrored={isFirst(model)} lies={lies} />}
      {video && !you && (
        <RemoteVideo
          key={video.id}
          room={call.room}
          track={video.id}
          pinned={screen || featured}
          always={apart}
          lies={lies}
          onvisible={setVisible}
        />
      )}
      <Marks call={call} model={model} />
      <Label call={call} model={model} name={name} pinned={pinned} />
      <TileMenu call={call} model={model} pinned={pinned} />
    </div>
  );
}

/** Two quick clicks on a button of the tile are none on its picture. */
function onPicture(e: MouseEvent): boolean {
  return !(e.target instanceof Element && e.target.closest("button"));
}

/** What stands where no picture is: initials, or why there is none. */
function Stand({ call, model }: { call: Call; model: TileModel }) {
  const { participant, video, screen, you } = model;
  const trouble = useTrouble(call, model);
  const paused = video !== undefined && call.room.slot(video.id)?.paused === "bandwidth";
  return (
    <div class="stand">
      {!screen && (
        <div class="face" style={{ "--hue": String(hue(participant.id)) }} aria-hidden="true">
          {initials(nameOf(participant))}
        </div>
      )}
      {trouble && (paused ? <PausedWords words={trouble} /> : <p class="trouble">{trouble}</p>)}
      {screen && !trouble && !you && video && <p class="trouble">Waiting for the picture…</p>}
    </div>
  );
}

/** A picture that waits for bandwidth: nothing is wrong, so it is said calmly, and in few words where there is little room. */
function PausedWords({ words }: { words: string }) {
  return (
    <p class="trouble paused" title={words}>
      <Icon name="paused" size={18} />
      <span class="paused-words">{words}</span>
      <span class="paused-word" aria-hidden="true">
        Paused<span class="paused-why">: slow connection</span>
      </span>
    </p>
  );
}

const patience = 6_000; // ms without a picture until that is worth a word
const backupWithin = 2_000; // ms: what cannot be decoded comes in another codec by then, if it can

/** Why somebody's video is not seen; empty while it may just be on its way. */
function useTrouble(call: Call, { participant, video, you }: TileModel): string {
  const [waited, setWaited] = useState(0);
  const awaited = video && !you && !video.muted ? video.id : undefined;
  useEffect(() => {
    setWaited(0);
    if (!awaited) return undefined;
    const timers = [backupWithin, patience].map((ms) => setTimeout(() => setWaited(ms), ms));
    return () => timers.forEach(clearTimeout);
  }, [awaited]);
  void call.slotNews.value; // room.slot() answers by it
  if (!awaited || !video || !participant.connected) return "";
  const slot = call.room.slot(awaited);
  if (slot?.paused === "codec" && waited < backupWithin) return "";
  return troubleWords(slot, video, waited >= patience);
}

/** In the corners: a raised hand, and a weak connection. */
function Marks({ call, model }: { call: Call; model: TileModel }) {
  const { participant, screen } = model;
  if (screen || !isFirst(model)) return null;
  const place = call.hands.value.findIndex((p) => p.id === participant.id) + 1;
  const quality = call.quality.value.get(participant.id);
  const weak = qualityWords(quality);
  return (
    <div class="marks">
      {place > 0 && (
        <span class="mark-hand">
          <Icon name="hand" size={18} />
          {call.hands.value.length > 1 && <span>{place}</span>}
        </span>
      )}
      {weak && (
        <span class={quality?.quality === "fair" ? "mark-weak" : "mark-weak poor"} title={weak}>
          <Icon name="weak" size={18} />
        </span>
      )}
    </div>
  );
}

function Label({ call, model, name, pinned }: { call: Call; model: TileModel; name: string; pinned: boolean }) {
  const { participant } = model;
  return (
    <div class="label">
      {pinned && <Icon name="pin" size={16} />}
      {!model.screen && isFirst(model) && isMuted(model) && <Icon name="microphone-off" size={16} />}
      {call.speaking.value.has(participant.id) && isFirst(model) && !model.screen && <span class="bars" aria-hidden="true" />}
      <span class="name">{name}</span>
      {!participant.connected && <span class="soft">reconnecting…</span>}
    </div>
  );
}

export function tileName({ participant, screen, you, key, video }: TileModel): string {
  const name = nameOf(participant);
  if (screen) return `${name}’s screen`;
  if (key === video?.id) return you ? "Your other camera" : `${name}, other camera`;
  return you ? `${name} (you)` : name;
}

/** The tile that stands for the person, not one more camera. */
function isFirst({ key, participant }: TileModel): boolean {
  return key === `${participant.id}/0`;
}

/** Without a microphone one is as silent as with a muted one. */
export function isMuted({ participant }: { participant: TileModel["participant"] }): boolean {
  const sound = participant.tracks.filter((t) => t.kind === "audio" && t.source !== "screen-audio");
  return sound.every((t) => t.muted);
}

function isSmall(size: Size | undefined): boolean {
  return size !== undefined && size.width < 220;
}

function describe(call: Call, model: TileModel, name: string, speaking: boolean): string {
  const { participant, screen } = model;
  const parts = [
    name,
    !screen && isMuted(model) && "muted",
    speaking && "speaking",
    !screen && handUp(participant) && "hand raised",
    qualityWords(call.quality.value.get(participant.id)),
    !participant.connected && "reconnecting",
  ];
  return parts.filter(Boolean).join(", ");
}
