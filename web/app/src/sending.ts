// What this participant sends: the camera and the microphone, more cameras, and screens.
import { effect, signal } from "@preact/signals";
import { openCamera, openScreen, SwitchyardError, type LocalTrack, type Room, type TrackID, type TrackSource } from "../../sdk/src/index";
import { camera, listDevices, microphone } from "./devices";
import { Outlet } from "./outlet";
import { deviceWords } from "./words";

/** One more camera, or a screen with its sound: added and removed while the call goes on. */
export interface Share {
  id: number;
  kind: "camera" | "screen";
  label: string;
  tracks: LocalTrack[];
}

/** Says a sentence, with a button if there is something to do about it. */
export type Say = (text: string, action?: { label: string; run(): void }) => void;

export class Sending {
  readonly camera: Outlet;
  readonly microphone: Outlet;
  readonly shares = signal<readonly Share[]>([]);
  readonly adding = signal(false);
  #count = 0;
  #stop: (() => void)[] = [];

  constructor(
    readonly room: Room,
    readonly say: Say,
  ) {
    this.camera = new Outlet(room, camera, say);
    this.microphone = new Outlet(room, microphone, say);
    room.on("ended", (track) => this.#ended(track));
    room.on("muted", (track) => this.#muted(track));
  }

  /** From now on the room gets what the devices give. */
  start(): void {
    for (const outlet of [this.camera, this.microphone]) {
      if (!this.may(outlet.device.kind)) continue;
      this.#stop.push(effect(() => outlet.follow()));
    }
    const list = () => void listDevices();
    navigator.mediaDevices?.addEventListener("devicechange", list);
    this.#stop.push(() => navigator.mediaDevices?.removeEventListener("devicechange", list));
  }

  /** Ends what only the call opened; camera and microphone belong to the page. */
  close(): void {
    for (const stop of this.#stop) stop();
    this.#stop = [];
    for (const share of this.shares.value) stopMedia(share);
    this.shares.value = [];
  }

  may(source: string): boolean {
    const publish = this.room.grants.publish ?? [];
    return publish.includes("*") || publish.includes(source);
  }

  get screens(): Share[] {
    return this.shares.value.filter((s) => s.kind === "screen");
  }

  /** What a track of ours shows; undefined while its camera is off. */
  media(id: TrackID): MediaStreamTrack | undefined {
    const track = this.room.localTracks.find((t) => t.info?.id === id);
    if (track && track === this.camera.sent) return camera.track.value;
    return track?.muted ? undefined : track?.media;
  }

  /** The share that a track of ours belongs to. */
  shareOf(id: TrackID): Share | undefined {
    return this.shares.value.find((s) => s.tracks.some((t) => t.info?.id === id));
  }

  /** Shares a screen, window or tab that the person chooses; beside those that are shared already. */
  async addScreen(): Promise<void> {
    let media: MediaStreamTrack[];
    try {
      media = await openScreen();
    } catch (e) {
      // Closing the browser's own dialogue is no failure.
      if (!(e instanceof SwitchyardError && e.code === "denied")) this.say(deviceWords(e, "screen"));
      return;
    }
    const allowed = media.filter((m) => this.may(sourceOf("screen", m)));
    for (const track of media) if (!allowed.includes(track)) track.stop();
    await this.#add("screen", allowed);
  }

  /** Shows one more camera beside the first. */
  async addCamera(deviceId: string): Promise<void> {
    try {
      await this.#add("camera", [await openCamera({ deviceId: { exact: deviceId } })]);
    } catch (e) {
      this.say(deviceWords(e, "camera"));
    }
  }

  async remove(share: Share): Promise<void> {
    this.shares.value = this.shares.value.filter((s) => s !== share);
    stopMedia(share);
    for (const track of share.tracks) await this.#try(track.unpublish());
  }

  async #add(kind: Share["kind"], media: MediaStreamTrack[]): Promise<void> {
    const id = ++this.#count;
    this.adding.value = true;
    const tries = await Promise.allSettled(media.map((m) => this.#publish(kind, m, `${kind}-${id}`)));
    this.adding.value = false;
    const tracks = tries.flatMap((t) => (t.status === "fulfilled" ? [t.value] : []));
    const label = tracks.find((t) => t.kind === "video")?.media.label || kind;
    const share = { id, kind, label, tracks };
    const refused = tries.find((t) => t.status === "rejected");
    const over = tracks.some((t) => t.kind === "video" && t.media.readyState === "ended"); // closed meanwhile
    if (!refused && !over) return void (this.shares.value = [...this.shares.value, share]);
    // A screen whose sound is refused, or the other way round, is none: the others must not see a still.
    for (const track of media) track.stop();
    if (refused) this.#complain(refused.reason);
    await this.remove(share);
  }

  #publish(kind: Share["kind"], media: MediaStreamTrack, group: string): Promise<LocalTrack> {
    return this.room.publish(media, { source: sourceOf(kind, media), group });
  }

  #ended(track: LocalTrack): void {
    for (const outlet of [this.camera, this.microphone]) if (track === outlet.sent) return void outlet.lost();
    const share = this.shares.value.find((s) => s.tracks.includes(track));
    if (!share) return;
    // A tab that stops playing ends its sound alone; a window that is closed ends its picture.
    if (track.kind === "video") void this.remove(share);
  }

  #muted(track: LocalTrack): void {
    for (const outlet of [this.camera, this.microphone]) if (track === outlet.sent) return outlet.silenced();
    const share = this.shares.value.find((s) => s.tracks.includes(track));
    if (!share) return;
    this.say(`A moderator stopped your ${share.kind}.`);
    void this.remove(share);
  }

  async #try(work: Promise<unknown>): Promise<void> {
    try {
      await work;
    } catch (e) {
      this.#complain(e);
    }
  }

  #complain(e: unknown): void {
    if (e instanceof SwitchyardError && e.code === "closed") return;
    this.say(e instanceof Error ? e.message : String(e));
  }
}

function sourceOf(kind: Share["kind"], media: MediaStreamTrack): TrackSource {
  return kind === "camera" ? "camera" : media.kind === "video" ? "screen" : "screen-audio";
}

function stopMedia(share: Share): void {
  for (const track of share.tracks) track.media.stop();
}
