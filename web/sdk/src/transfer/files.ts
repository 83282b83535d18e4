// What a receiver knows about each file, from one connection to the next.
import { hashSize, rootOf } from "./blake3";
import { sameBytes, type Bytes } from "./bytes";
import type { Disk, DiskFile, Entry } from "./disk";

/** IncomingFile is one wanted file of an offer. */
export class IncomingFile {
  readonly size: number;
  readonly pieces: number;
  /** It has its name. */
  done = false;
  /** It was looked what the disk has of it. */
  looked = false;
  /** All of it is proven: it gets its name when everything is written. */
  proven = false;
  /** What the sender says that the whole is, on this connection. */
  root: Bytes | undefined;
  /** A file of one piece that waits for its root. */
  unproven: Bytes | undefined;
  /** Times that a piece was wrong. */
  readonly wrong = new Map<number, number>();
  /** The disk's work on it, one after the other. */
  work: Promise<void> = Promise.resolve();
  /** For a disk that takes bytes in order: it has them up to here, and these come later. */
  written = 0;
  readonly held = new Map<number, Bytes>();
  #hashes: Uint8Array; // of each piece, as far as they are known
  #known: Uint8Array; // 1: its hash is of what is on disk; 2: and it is as the sender has it
  #verified = 0;
  #handle: Promise<DiskFile> | undefined;

  constructor(
    readonly number: number,
    readonly entry: Entry,
    readonly pieceSize: number,
  ) {
    this.size = entry.s ?? 0;
    this.pieces = Math.ceil(this.size / pieceSize);
    this.#hashes = new Uint8Array(this.pieces * hashSize);
    this.#known = new Uint8Array(this.pieces);
  }

  lengthOf(piece: number): number {
    return Math.min(this.pieceSize, this.size - piece * this.pieceSize);
  }

  has(piece: number): boolean {
    return this.#known[piece] === 2;
  }

  hashOf(piece: number): Uint8Array {
    return this.#hashes.subarray(piece * hashSize, (piece + 1) * hashSize);
  }

  /** The disk has this piece from before. */
  found(piece: number, hash: Uint8Array): void {
    if (this.has(piece)) return;
    this.#hashes.set(hash, piece * hashSize);
    this.#known[piece] = 1;
  }

  /** The sender confirms a piece that was found. How many bytes that makes right; undefined where none was found. */
  same(piece: number): number | undefined {
    if (this.#known[piece] === 1) return this.#take(piece);
    return this.has(piece) ? 0 : undefined;
  }

  /** A piece came and is right. How many bytes that makes right. */
  take(piece: number, hash: Uint8Array): number {
    this.#hashes.set(hash, piece * hashSize);
    return this.#take(piece);
  }

  #take(piece: number): number {
    this.#known[piece] = 2;
    this.#verified++;
    return this.lengthOf(piece);
  }

  get knowsAny(): boolean {
    return this.#known.some((k) => k !== 0);
  }

  /** Every piece is there. */
  get whole(): boolean {
    return this.#verified === this.pieces;
  }

  /** Whether its pieces make the root; of a file of one piece that is its hash. */
  proves(root: Uint8Array, empty: Uint8Array): boolean {
    if (this.pieces === 0) return sameBytes(root, empty);
    return sameBytes(root, this.pieces === 1 ? this.#hashes : rootOf(this.#hashes));
  }

  /** Runs of pieces whose hashes are known: (first, count). */
  *knownRuns(longest: number): Generator<[number, number]> {
    for (let at = 0; at < this.pieces; at++) {
      if (!this.#known[at]) continue;
      const first = at;
      while (at < this.pieces && this.#known[at] && at - first < longest) at++;
      yield [first, at - first];
      at--;
    }
  }

  hashes(first: number, count: number): Uint8Array {
    return this.#hashes.subarray(first * hashSize, (first + count) * hashSize);
  }

  open(disk: Disk): Promise<DiskFile> {
    return (this.#handle ??= disk.file(this.entry));
  }

  get isOpen(): boolean {
    return this.#handle !== undefined;
  }

  /** Lets the handle go; finish() or close() of it was called, or is not worth it. */
  async shut(close: boolean): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    if (close) await (await handle?.catch(() => undefined))?.close();
  }
}

/** Gate lets a few pieces of work run at once. */
export class Gate {
  #running = 0;
  #waiting: (() => void)[] = [];

  constructor(readonly limit: number) {}

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.limit) await new Promise<void>((go) => this.#waiting.push(go));
    else this.#running++;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift(); // takes over the place
      if (next) next();
      else this.#running--;
    }
  }
}
