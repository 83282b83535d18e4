// What was sent and not yet acknowledged: kept for a resume, in order, numbered without gaps.
import type { ClientEnvelope } from "./protocol";

/** Outbox numbers the messages of a session and keeps each until the server has it. */
export class Outbox {
  #kept: ClientEnvelope[] = [];
  #seq: number;

  /** The first message that goes through the outbox gets the number after `seq`. */
  constructor(seq = 0) {
    this.#seq = seq;
  }

  /** Numbers and keeps a message. */
  add(message: ClientEnvelope): void {
    message.seq = ++this.#seq;
    this.#kept.push(message);
  }

  /** The server has everything up to `seq`. */
  acknowledge(seq: number): void {
    let n = 0;
    while (n < this.#kept.length && (this.#kept[n]?.seq ?? 0) <= seq) n++;
    this.#kept.splice(0, n);
  }

  /** What the server may not have, oldest first. */
  get unacknowledged(): readonly ClientEnvelope[] {
    return this.#kept;
  }
}
