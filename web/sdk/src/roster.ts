// Who is in the room and what they publish, as the server's messages say.
import type { Participant, ParticipantID, ServerEnvelope, Track, TrackID, TrackUpdate } from "./protocol";

/** What the roster tells when it changed. */
export interface RosterListener {
  joined(participant: Participant): void;
  left(participant: Participant, reason: string): void;
  participant(participant: Participant): void;
  published(track: Track): void;
  unpublished(track: Track): void;
  track(track: Track): void;
}

/** Roster holds copies that are replaced and never changed in place, so that a reader can compare. */
export class Roster {
  #participants = new Map<ParticipantID, Participant>();

  constructor(readonly listener: RosterListener) {}

  get participants(): Participant[] {
    return [...this.#participants.values()];
  }

  get(id: ParticipantID): Participant | undefined {
    return this.#participants.get(id);
  }

  track(id: TrackID): Track | undefined {
    for (const p of this.#participants.values()) {
      const track = p.tracks.find((t) => t.id === id);
      if (track) return track;
    }
    return undefined;
  }

  /** Takes the whole list of a welcome and tells the differences. */
  reset(list: readonly Participant[]): void {
    const now = new Set(list.map((p) => p.id));
    for (const id of [...this.#participants.keys()]) if (!now.has(id)) this.#left(id, "left");
    for (const p of list) {
      const old = this.#participants.get(p.id);
      if (!old) {
        this.#joined(p);
        continue;
      }
      const kept = new Set(p.tracks.map((t) => t.id));
      this.#unpublish(old.tracks.filter((t) => !kept.has(t.id)).map((t) => t.id));
      this.#put({ ...p, tracks: this.#participants.get(p.id)?.tracks ?? [] });
      this.listener.participant(p);
      this.#publish(p.tracks);
    }
  }

  /** Takes a message; false when it is not about the roster. */
  take(message: ServerEnvelope): boolean {
    switch (message.type) {
      case "joined":
        this.#joined(message.body.participant);
        return true;
      case "left":
        this.#left(message.body.participant, message.body.reason);
        return true;
      case "participant":
        return this.#update(message.body.participant, message.body);
      case "published":
        this.#publish(message.body.tracks);
        return true;
      case "unpublished":
        this.#unpublish(message.body.tracks);
        return true;
      case "track":
        this.#updateTrack(message.body);
        return true;
      default:
        return false;
    }
  }

  #put(participant: Participant): void {
    this.#participants.set(participant.id, participant);
  }

  #joined(participant: Participant): void {
    this.#put({ ...participant, tracks: [] });
    this.listener.joined(participant);
    this.#publish(participant.tracks);
  }

  #left(id: ParticipantID, reason: string): void {
    const gone = this.#participants.get(id);
    if (!gone) return;
    this.#unpublish(gone.tracks.map((t) => t.id));
    this.#participants.delete(id);
    this.listener.left(gone, reason);
  }

  #update(id: ParticipantID, change: { name?: string; role?: string; attributes?: Record<string, string>; connected?: boolean }): true {
    const old = this.#participants.get(id);
    if (old) {
      const now: Participant = {
        ...old,
        name: change.name ?? old.name,
        role: change.role ?? old.role,
        attributes: change.attributes ?? old.attributes,
        connected: change.connected ?? old.connected,
      };
      this.#put(now);
      this.listener.participant(now);
    }
    return true;
  }

  #publish(tracks: readonly Track[] | undefined): void {
    for (const track of tracks ?? []) {
      const owner = this.#participants.get(track.participant);
      if (!owner) continue;
      const known = owner.tracks.some((t) => t.id === track.id);
      const others = owner.tracks.filter((t) => t.id !== track.id);
      this.#put({ ...owner, tracks: [...others, track] });
      if (known) this.listener.track(track);
      else this.listener.published(track);
    }
  }

  #unpublish(ids: readonly TrackID[]): void {
    for (const id of ids) {
      const track = this.track(id);
      const owner = track && this.#participants.get(track.participant);
      if (!track || !owner) continue;
      this.#put({ ...owner, tracks: owner.tracks.filter((t) => t.id !== id) });
      this.listener.unpublished(track);
    }
  }

  #updateTrack(change: TrackUpdate): void {
    const old = this.track(change.track);
    const owner = old && this.#participants.get(old.participant);
    if (!old || !owner) return;
    const { track: _id, ...fields } = change;
    const now: Track = { ...old, ...fields };
    this.#put({ ...owner, tracks: owner.tracks.map((t) => (t.id === old.id ? now : t)) });
    this.listener.track(now);
  }
}
