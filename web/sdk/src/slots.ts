// What feeds each slot now, as the server says.
import type { Slot, TrackID } from "./protocol";

/** SlotTable keeps the newest word about each slot. */
export class SlotTable {
  #slots = new Map<string, Slot>();

  /** Takes a `slots` message; true when something changed. What it says of an older generation than
   * the one we know is void. */
  apply(news: readonly Slot[]): boolean {
    let changed = false;
    for (const slot of news) {
      const known = this.#slots.get(slot.mid);
      if (known && slot.generation < known.generation) continue;
      // A generation's first timestamp is said once; a later message about a pause may leave it out.
      const timestamp = slot.timestamp ?? (known?.generation === slot.generation ? known.timestamp : undefined);
      this.#slots.set(slot.mid, timestamp === undefined ? slot : { ...slot, timestamp });
      changed = true;
    }
    return changed;
  }

  /** The slot that a track feeds. */
  of(track: TrackID): Slot | undefined {
    for (const slot of this.#slots.values()) if (slot.track === track) return slot;
    return undefined;
  }

  get(mid: string): Slot | undefined {
    return this.#slots.get(mid);
  }

  /** With a new link everything begins anew. */
  clear(): void {
    this.#slots.clear();
  }
}
