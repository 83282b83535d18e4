// One way in which a track is sent: its send position, and how much of that is encoded.
import { fitEncodings, type Size } from "./encodings";
import type { SendPosition } from "./serverlink";
import type { Track, WantedTrack } from "./protocol";

type Wanted = Pick<WantedTrack, "none" | "layers">;

export class Encoder {
  /** The track, or the backup, as the server knows it; absent until it answered. */
  info?: Track;
  /** Where it is sent; changes with each new link. */
  position?: SendPosition;
  #wanted: Wanted = {};
  #media?: MediaStreamTrack;
  #size?: Size; // of what the browser encodes, which may be less than what the camera gives
  #settling: Promise<void> = Promise.resolve();

  /** Gives the send position its media; a silent one sends nothing at all. */
  async feed(media: MediaStreamTrack, silent: boolean): Promise<void> {
    if (media !== this.#media) this.#size = undefined;
    this.#media = media;
    await this.position?.transceiver.sender.replaceTrack(silent ? null : media);
    if (this.position?.kind === "video") await this.#settle();
  }

  /** Takes what the browser says of its sources: a busy one makes the picture smaller. */
  fit(reports: readonly SourceReport[]): void {
    const size = this.#media && sourceOf(reports, this.#media.id, this.position?.transceiver.mid);
    if (!size) return;
    this.#size = size;
    void this.#settle();
  }

  /** Encodes only what somebody receives. */
  want(wanted: Wanted): Promise<void> {
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

  #settle(): Promise<void> {
    this.#settling = this.#settling.then(() => this.#activate()).catch(() => {}); // the link has gone meanwhile
    return this.#settling;
  }

  async #activate(): Promise<void> {
    const sender = this.position?.transceiver.sender;
    if (this.position?.kind !== "video" || !sender) return;
    const parameters = sender.getParameters?.();
    if (!parameters?.encodings?.length) return;
    if (!fitEncodings(parameters.encodings, this.#size ?? sizeOf(this.#media), this.#wanted)) return;
    await sender.setParameters(parameters);
  }
}

/** What getStats() says of a source of media, and of a stream that is sent. */
export interface SourceReport extends Partial<Size> {
  id?: string;
  type: string;
  trackIdentifier?: string;
  mediaSourceId?: string;
  mid?: string;
}

/** The size of what is encoded of a track on an m-line. A track that is sent twice has two sources. */
function sourceOf(reports: readonly SourceReport[], track: string, mid: string | null | undefined): Size | undefined {
  const sources = reports.filter((r) => r.type === "media-source" && r.trackIdentifier === track);
  const sent = sources.length > 1 ? reports.find((r) => r.type === "outbound-rtp" && r.mid === mid)?.mediaSourceId : undefined;
  const { width, height } = sources.find((s) => s.id === sent) ?? sources[0] ?? {};
  return width && height ? { width, height } : undefined;
}

function sizeOf(media: MediaStreamTrack | undefined): Size | undefined {
  const { width, height } = media?.getSettings?.() ?? {};
  return width && height ? { width, height } : undefined;
}
