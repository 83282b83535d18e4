// A track that this participant publishes.
import { fitEncodings, type Size } from "./encodings";
import type { SendPosition } from "./serverlink";
import type { PublishTrack, Track, TrackKind, TrackSource, WantedTrack } from "./protocol";

/** How to publish a track. */
export interface PublishOptions {
  /** What it shows; by default a camera or a microphone. */
  source?: TrackSource;
  label?: string;
  /** Tracks of one origin, such as a screen and its sound, share a group. */
  group?: string;
  muted?: boolean;
  /** When its device goes away the track stays, silent, until replace(), unmute() or unpublish().
   * Without it, it is unpublished. */
  keep?: boolean;
}

/** What a local track asks its publisher to do. */
export interface LocalTrackOwner {
  muted(track: LocalTrack): Promise<void>;
  ended(track: LocalTrack): void;
  unpublish(track: LocalTrack): Promise<void>;
}

export class LocalTrack {
  readonly kind: TrackKind;
  readonly source: TrackSource;
  /** The track as the room knows it; absent until the server answered. */
  info?: Track;
  /** Where it is sent; changes with each new link. */
  position?: SendPosition;
  #media: MediaStreamTrack;
  #muted: boolean;
  #wanted: Pick<WantedTrack, "none" | "layers"> = {};
  #size?: Size; // of what the browser encodes, which may be less than what the camera gives
  #settling: Promise<void> = Promise.resolve();
  #ended = () => this.owner.ended(this);

  constructor(
    readonly owner: LocalTrackOwner,
    media: MediaStreamTrack,
    readonly options: PublishOptions,
  ) {
    this.kind = media.kind === "audio" ? "audio" : "video";
    this.source = options.source ?? (this.kind === "audio" ? "microphone" : "camera");
    this.#media = media;
    this.#muted = options.muted ?? false;
    media.addEventListener("ended", this.#ended);
    this.#enable();
  }

  get media(): MediaStreamTrack {
    return this.#media;
  }

  get muted(): boolean {
    return this.#muted;
  }

  /** Stops sending what it shows or hears, and says so. The device stays open: stop `media` to turn
   * its light off, and give unmute() a new one. */
  async mute(): Promise<void> {
    if (this.#muted) return;
    await this.silence();
    await this.owner.muted(this);
  }

  /** Mutes without telling: the server knows. */
  async silence(): Promise<void> {
    this.#muted = true;
    this.#enable();
    await this.feed();
  }

  /** Sends again, from another device if one is given. */
  async unmute(media?: MediaStreamTrack): Promise<void> {
    if (media) this.#exchange(media);
    const was = this.#muted;
    this.#muted = false;
    this.#enable();
    await this.feed();
    if (was) await this.owner.muted(this);
  }

  /** Changes the device; nobody else notices more than the picture. */
  async replace(media: MediaStreamTrack): Promise<void> {
    this.#exchange(media);
    this.#enable();
    await this.feed();
  }

  /** Ends the track for everyone. The device stays open. */
  unpublish(): Promise<void> {
    return this.owner.unpublish(this);
  }

  /** Gives the send position its media. A muted video sends nothing at all; a muted microphone goes
   * on with silence, which costs little with DTX and starts again without a gap in its clock. */
  async feed(): Promise<void> {
    const silent = this.#muted && this.kind === "video";
    await this.position?.transceiver.sender.replaceTrack(silent ? null : this.#media);
    if (this.kind === "video") await this.#settle();
  }

  /** Takes what the browser says of its own tracks: a busy one makes the picture smaller. */
  fit(reports: Iterable<{ type: string }>): void {
    for (const report of reports as Iterable<{ type: string; trackIdentifier?: string } & Partial<Size>>) {
      const { type, trackIdentifier, width, height } = report;
      if (type !== "media-source" || trackIdentifier !== this.#media.id || !width || !height) continue;
      this.#size = { width, height };
      void this.#settle();
    }
  }

  /** Encodes only what somebody receives, as the server says. */
  want(wanted: Pick<WantedTrack, "none" | "layers">): Promise<void> {
    this.#wanted = wanted;
    return this.#settle();
  }

  /** Gives the send position back, as it was. */
  async release(): Promise<void> {
    await this.want({});
    const position = this.position;
    this.forget();
    if (!position) return;
    position.taken = false;
    await position.transceiver.sender.replaceTrack(null);
  }

  /** The link that it was sent on is gone. */
  forget(): void {
    this.#wanted = {};
    this.position = undefined;
    this.info = undefined;
  }

  /** Listens to the device no more. */
  detach(): void {
    this.#media.removeEventListener("ended", this.#ended);
  }

  /** The track as a `publish` message tells it. */
  describe(): PublishTrack {
    const { width, height } = this.kind === "video" ? this.#media.getSettings() : {};
    return {
      mid: this.position?.transceiver.mid ?? "",
      kind: this.kind,
      source: this.source,
      label: this.options.label ?? this.#media.label,
      group: this.options.group,
      muted: this.#muted || undefined,
      width,
      height,
      layers: this.#layers(width ?? 0, height ?? 0),
    };
  }

  #layers(width: number, height: number): PublishTrack["layers"] {
    const encodings = this.position?.transceiver.sender.getParameters?.().encodings ?? [];
    if (encodings.length < 2) return undefined;
    const layers = encodings.map((e) => {
      const by = e.scaleResolutionDownBy ?? 1;
      return {
        rid: e.rid ?? "",
        width: Math.round(width / by) || undefined,
        height: Math.round(height / by) || undefined,
        maxBitrate: e.maxBitrate,
      };
    });
    return layers.reverse(); // the protocol wants the best first
  }

  #settle(): Promise<void> {
    this.#settling = this.#settling.then(() => this.#activate()).catch(() => {}); // the link has gone meanwhile
    return this.#settling;
  }

  async #activate(): Promise<void> {
    const sender = this.position?.transceiver.sender;
    const parameters = sender?.getParameters?.();
    if (!sender || !parameters?.encodings?.length) return;
    if (!fitEncodings(parameters.encodings, this.#size ?? sizeOf(this.#media), this.#wanted)) return;
    await sender.setParameters(parameters);
  }

  #exchange(media: MediaStreamTrack): void {
    if (media === this.#media) return;
    this.detach();
    media.addEventListener("ended", this.#ended);
    this.#media = media;
    this.#size = undefined;
  }

  #enable(): void {
    this.#media.enabled = !this.#muted;
  }
}

function sizeOf(media: MediaStreamTrack): Size | undefined {
  const { width, height } = media.getSettings?.() ?? {};
  return width && height ? { width, height } : undefined;
}
