// Memory for pieces, used over and over: a browser clears each new megabyte, which costs more than to fill it.
import type { Bytes } from "./bytes";

const most = 8; // that wait to be used again

/** Shelf hands out memory of one size. */
export class Shelf {
  #free: Bytes[] = [];

  constructor(readonly size: number) {}

  /** So many bytes, with anything in them. What is of another size is made. */
  take(length: number): Bytes {
    return (length === this.size && this.#free.pop()) || new Uint8Array(length);
  }

  /** Nobody uses the bytes any more. What is no whole memory of that size, or was handed to a worker, is passed over. */
  give(bytes: Bytes): void {
    if (this.#free.length < most && bytes.length === this.size && bytes.buffer.byteLength === this.size) this.#free.push(bytes);
  }
}
