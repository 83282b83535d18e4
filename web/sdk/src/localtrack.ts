// A track that this participant publishes.
import { Encoder, type SourceReport } from "./encoder";
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
  #media: MediaStreamTrack;
  #muted: boolean;
  #main = new Encoder();
  #backups = new Map<string, Encoder>(); // further encodings, by codec
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

  /** The track as the room knows it; absent until the server answered. */
  get info(): Track | undefined {
    return this.#main.info;
  }

  set info(info: Track | undefined) {
    this.#main.info = info;
  }

  /** Where it is sent; changes with each new link. */
  get position(): SendPosition | undefined {
    return this.#main.position;
  }

  set position(position: SendPosition | undefined) {
    this.#main.position = position;
  }

  /** In which codecs it is sent besides its own, for those who cannot decode that, and on which m-lines. */
  get backups(): { codec: string; mid: string }[] {
    return [...this.#backups].map(([codec, { position }]) => ({ codec, mid: position?.transceiver.mid ?? "" }));
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

  /** Gives the send positions their media. A muted video sends nothing at all; a muted microphone goes
   * on with silence, which costs little with DTX and starts again without a gap in its clock. */
  async feed(): Promise<void> {
    const silent = this.#muted && this.kind === "video";
    for (const encoder of this.#encoders()) await encoder.feed(this.#media, silent);
  }

  /** Takes what the browser says of its own tracks: a busy one makes the picture smaller. */
  fit(reports: readonly SourceReport[]): void {
    for (const encoder of this.#encoders()) encoder.fit(reports);
  }

  /** Encodes only what somebody receives, as the server says, of the track or of a backup. */
  want(wanted: WantedTrack): void {
    for (const encoder of this.#encoders()) if (encoder.info?.id === wanted.track) void encoder.want(wanted);
  }

  /** Begins to send it in another codec as well, at a position of its own. */
  async backUp(codec: string, position: SendPosition): Promise<Encoder> {
    const encoder = new Encoder();
    encoder.position = position;
    this.#backups.set(codec, encoder);
    await encoder.feed(this.#media, this.#muted);
    return encoder;
  }

  /** Ends the backups that match. */
  async endBackups(match: (backup: Encoder) => boolean): Promise<void> {
    const gone = [...this.#backups].filter(([, backup]) => match(backup));
    for (const [codec] of gone) this.#backups.delete(codec);
    await Promise.all(gone.map(([, backup]) => backup.release()));
  }

  /** Gives the send positions back, as they were. */
  async release(): Promise<void> {
    await Promise.all([this.endBackups(() => true), this.#main.release()]);
  }

  /** The link that it was sent on is gone, and the backups with it: the server asks anew. */
  forget(): void {
    this.#main.forget();
    this.#backups.clear();
  }

  /** Listens to the device no more. */
  detach(): void {
    this.#media.removeEventListener("ended", this.#ended);
  }

  /** A backup as a `publish` message tells it. */
  describeBackup(codec: string): PublishTrack {
    const mid = this.#backups.get(codec)?.position?.transceiver.mid ?? "";
    return { mid, kind: this.kind, source: this.source, backupOf: this.info?.id, codec };
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

  #encoders(): Encoder[] {
    return [this.#main, ...this.#backups.values()];
  }

  #exchange(media: MediaStreamTrack): void {
    if (media === this.#media) return;
    this.detach();
    media.addEventListener("ended", this.#ended);
    this.#media = media;
  }

  #enable(): void {
    this.#media.enabled = !this.#muted;
  }
}
