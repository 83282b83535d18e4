// What the two ends talk over (docs/transfer.md, Ways and Lanes).
import type { Bytes } from "./bytes";

/** Bytes of a message at most. */
export const maxMessage = 65_536;

/** Ordered, reliable messages both ways. */
export interface Lane {
  /** Sends one message, which may be changed when this resolves. It waits while the way is full, and rejects when it is broken. */
  send(message: Bytes): Promise<void>;
  /** The next message, which is valid until the next call; undefined when the lane has ended, however. */
  receive(): Promise<Bytes | undefined>;
  close(): void;
}

/** One connection between the two ends. It ends with its network; the transfer goes on on the next one. */
export interface Way {
  readonly kind: "datachannel" | "webtransport" | "relay";
  /** From device to device, past every server. */
  readonly direct: boolean;
  /** The sender's side: the first is lane 0. */
  open(): Promise<Lane>;
  /** The receiver's side: lane 0 first; undefined when the way has ended. */
  accept(): Promise<Lane | undefined>;
  close(): void;
}

/** Inbox holds what has come until it is asked for. */
export class Inbox<T> {
  #items: T[] = [];
  #waiting: ((item: T | undefined) => void) | undefined;
  #ended = false;

  push(item: T): void {
    if (this.#ended) return;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting) waiting(item);
    else this.#items.push(item);
  }

  /** No more is coming: what is there can still be taken. */
  end(): void {
    this.#ended = true;
    this.#waiting?.(undefined);
    this.#waiting = undefined;
  }

  /** One asks at a time. */
  next(): Promise<T | undefined> {
    if (this.#items.length > 0) return Promise.resolve(this.#items.shift());
    if (this.#ended) return Promise.resolve(undefined);
    return new Promise((resolve) => (this.#waiting = resolve));
  }
}
