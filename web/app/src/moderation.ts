// What those with the moderate grant can do to others.
import type { Participant, Room, Track } from "../../sdk/src/index";
import { lower } from "./hands";
import type { Say } from "./sending";

export class Moderation {
  constructor(
    readonly room: Room,
    readonly say: Say,
  ) {}

  get allowed(): boolean {
    return this.room.grants.moderate ?? false;
  }

  /** The tracks of someone that can be muted now. */
  mutable(p: Participant): Track[] {
    return p.tracks.filter((t) => !t.muted);
  }

  mute(track: Track): void {
    this.#do(this.room.moderate("mute", { participant: track.participant, track: track.id }));
  }

  /** Mutes the microphones of everyone else. */
  muteAll(participants: readonly Participant[]): void {
    const others = participants.filter((p) => p.id !== this.room.you);
    for (const t of others.flatMap((p) => this.mutable(p))) if (t.source === "microphone") this.mute(t);
  }

  lowerHand(p: Participant): void {
    this.#do(this.room.setAttributes(lower, p.id));
  }

  remove(p: Participant): void {
    this.#do(this.room.moderate("remove", { participant: p.id }));
  }

  #do(work: Promise<void>): void {
    work.catch((e: unknown) => this.say(e instanceof Error ? e.message : String(e)));
  }
}
