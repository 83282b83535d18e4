// Publishes this participant's tracks, and publishes them again after a new join.
import { SwitchyardError } from "./error";
import { LocalTrack, type LocalTrackOwner, type PublishOptions } from "./localtrack";
import type { Backup, PublishTrack, Track, TrackID, WantedTrack } from "./protocol";
import type { ServerLink } from "./serverlink";

/** What the publisher needs of the room. */
export interface PublisherOwner {
  /** The link that stands, once there is one. */
  ready(): Promise<ServerLink>;
  publish(tracks: PublishTrack[]): Promise<Track[]>;
  unpublish(tracks: TrackID[]): Promise<void>;
  muted(track: TrackID, muted: boolean): Promise<void>;
  /** The device was taken away, or sharing was stopped by the browser's own button. */
  ended(track: LocalTrack): void;
}

export class Publisher implements LocalTrackOwner {
  #tracks = new Set<LocalTrack>();
  #turn: Promise<void> = Promise.resolve();

  constructor(readonly owner: PublisherOwner) {}

  get tracks(): LocalTrack[] {
    return [...this.#tracks];
  }

  async publish(media: MediaStreamTrack, options: PublishOptions): Promise<LocalTrack> {
    const track = new LocalTrack(this, media, options);
    this.#tracks.add(track);
    while (!track.info && this.#tracks.has(track)) {
      const link = await this.owner.ready();
      await this.#inTurn(() => this.#announce(link, [track]));
    }
    return track;
  }

  /** After a new join: everything is published in one message. */
  republish(link: ServerLink): Promise<void> {
    for (const track of this.#tracks) track.forget();
    return this.#inTurn(() => this.#announce(link, this.tracks));
  }

  async muted(track: LocalTrack): Promise<void> {
    const { info, muted } = track;
    if (!info) return; // it will be said when it is published
    await this.#unlessLost(() => this.owner.muted(info.id, muted));
  }

  ended(track: LocalTrack): void {
    this.owner.ended(track);
    if (track.info && track.options.keep) return;
    // Failing means that the session is over, and the track with it.
    this.unpublish(track).catch(() => {});
  }

  /** What the server changed about our own tracks: a moderator muted one, or it had to end. */
  mutedByServer(id: TrackID): LocalTrack | undefined {
    const track = this.tracks.find((t) => t.info?.id === id);
    track?.silence().catch(() => {}); // its link is gone, so nothing is sent anyway
    return track;
  }

  endedByServer(ids: readonly TrackID[]): void {
    for (const track of this.tracks) {
      track.endBackups((b) => b.info !== undefined && ids.includes(b.info.id)).catch(() => {}); // the link is gone
      if (!track.info || !ids.includes(track.info.id)) continue;
      track.info = undefined;
      this.ended(track);
    }
  }

  /** What somebody receives of our tracks. */
  wanted(list: readonly WantedTrack[]): void {
    for (const wanted of list) for (const track of this.#tracks) track.want(wanted);
  }

  /** Sends a track in another codec as well, for somebody who cannot decode the first. Where that fails there
   * is nothing for our person to do: the server tells those who wait for it what they lack. */
  async backup({ track: id, codec }: Backup): Promise<void> {
    const link = await this.owner.ready().catch(() => undefined);
    if (link) await this.#inTurn(() => this.#backUp(link, id, codec)).catch(() => {});
  }

  async unpublish(track: LocalTrack): Promise<void> {
    if (!this.#tracks.delete(track)) return;
    track.detach();
    const id = track.info?.id;
    await track.release();
    if (id !== undefined) await this.#unlessLost(() => this.owner.unpublish([id]));
  }

  clear(): void {
    for (const track of this.#tracks) track.detach();
    this.#tracks.clear();
  }

  async #announce(link: ServerLink, tracks: LocalTrack[]): Promise<void> {
    const fresh = tracks.filter((t) => !t.info && this.#tracks.has(t));
    if (fresh.length === 0) return;
    try {
      for (const track of fresh) {
        track.position = await link.sender(track.kind, track.source);
        await track.feed();
      }
      const published = await this.owner.publish(fresh.map((t) => t.describe()));
      // A track that was given up meanwhile has given its position back: it must not stay published.
      const stale = published.filter((_, i) => fresh[i] && !this.#tracks.has(fresh[i])).map((t) => t.id);
      fresh.forEach((t, i) => this.#tracks.has(t) && (t.info = published[i]));
      if (stale.length > 0) await this.owner.unpublish(stale);
    } catch (e) {
      if (isLost(e) || link.closed) return; // the new join publishes them
      await Promise.all(fresh.map((t) => this.#abandon(t)));
      throw e;
    }
  }

  async #backUp(link: ServerLink, id: TrackID, codec: string): Promise<void> {
    const of = () => this.tracks.find((t) => t.info?.id === id);
    const track = of();
    if (!track || track.backups.some((b) => b.codec === codec)) return;
    const position = await link.sender(track.kind, track.source, codec);
    if (of() !== track) return void (position.taken = false); // it ended meanwhile
    const backup = await track.backUp(codec, position);
    try {
      const [info] = await this.owner.publish([track.describeBackup(codec)]);
      if (backup.position) backup.info = info;
    } catch {
      await track.endBackups((b) => b === backup);
    }
  }

  async #abandon(track: LocalTrack): Promise<void> {
    this.#tracks.delete(track);
    track.detach();
    await track.release();
  }

  /** One announcement at a time: a publish and a republish must not take the same track twice. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => {});
    return turn;
  }

  async #unlessLost(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (e) {
      if (!isLost(e)) throw e;
    }
  }
}

function isLost(e: unknown): boolean {
  return e instanceof SwitchyardError && e.code === "session-unknown";
}
