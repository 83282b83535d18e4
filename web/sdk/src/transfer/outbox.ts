// Messages on their way onto a lane, in the order in which they were posted.
import type { Bytes } from "./bytes";
import type { Lane } from "./lane";

/** Outbox sends without making who posts wait; what is posted is little beside the data. */
export class Outbox {
  #tail: Promise<void> = Promise.resolve();
  #failed = false;

  constructor(readonly lane: Lane) {}

  /** Resolves when it is on its way or never will be: the lane's end is seen by who receives on it. */
  post(message: Bytes): Promise<void> {
    this.#tail = this.#tail.then(async () => {
      if (this.#failed) return;
      try {
        await this.lane.send(message);
      } catch {
        this.#failed = true;
      }
    });
    return this.#tail;
  }
}
