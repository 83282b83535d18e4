// Brings verified pieces to a disk, and counts what it has not taken yet.
import type { Bytes } from "./bytes";
import type { Disk } from "./disk";
import { Gate, type IncomingFile } from "./files";

const atOnce = 8; // files that the disk works on

/** Keeper writes to one disk. */
export class Keeper {
  /** Bytes that wait for the disk. */
  waiting = 0;
  /** Bytes that wait for others before them, where the disk takes them in order only. */
  held = 0;
  #gate = new Gate(atOnce);
  #queue: IncomingFile[]; // of a disk that takes the files in order
  #running = false;

  constructor(
    readonly disk: Disk,
    files: readonly IncomingFile[],
    /** The disk took something: its bytes may be used anew. */
    readonly took: (bytes: Bytes) => void,
    readonly finished: (file: IncomingFile) => void,
    readonly failed: (e: unknown) => void,
  ) {
    this.#queue = [...files];
  }

  /** Keeps a piece; the bytes are its own from now on. */
  put(file: IncomingFile, piece: number, bytes: Bytes): void {
    if (this.disk.ordered) {
      file.held.set(piece, bytes);
      this.held += bytes.length;
      return void this.#inOrder();
    }
    const { length } = bytes; // a disk may take the bytes away
    this.waiting += length;
    this.#after(file, async () => {
      const back = await (await file.open(this.disk)).write(piece * file.pieceSize, bytes);
      this.waiting -= length;
      this.took(back ?? bytes);
    });
  }

  /** The file is proven: it gets its name when all of it is written. */
  finish(file: IncomingFile): void {
    file.proven = true;
    if (this.disk.ordered) return void this.#inOrder();
    this.#after(file, () => this.#finish(file));
  }

  /** Closes what is open, to be gone on with another time. */
  async close(files: Iterable<IncomingFile>): Promise<void> {
    for (const file of files) {
      await file.work;
      if (file.isOpen) await file.shut(true);
    }
  }

  #after(file: IncomingFile, work: () => Promise<void>): void {
    file.work = file.work.then(() => this.#gate.run(work)).catch((e: unknown) => this.failed(e));
  }

  async #finish(file: IncomingFile): Promise<void> {
    await (await file.open(this.disk)).finish();
    await file.shut(false);
    file.done = true;
    this.finished(file);
  }

  /** Writes what can be written by now: of the first file that is not done, from where it stands. */
  async #inOrder(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      while (await this.#step());
    } catch (e) {
      this.failed(e);
    } finally {
      this.#running = false;
    }
  }

  async #step(): Promise<boolean> {
    const file = this.#queue[0];
    if (!file) return false;
    const piece = file.written / file.pieceSize;
    const bytes = file.held.get(piece);
    if (bytes) {
      file.held.delete(piece);
      const { length } = bytes;
      this.held -= length;
      this.waiting += length;
      const back = await (await file.open(this.disk)).write(file.written, bytes);
      this.waiting -= length;
      file.written += length;
      this.took(back ?? bytes);
      return true;
    }
    if (!file.proven || file.written < file.size) return false;
    await this.#finish(file);
    this.#queue.shift();
    return true;
  }
}
