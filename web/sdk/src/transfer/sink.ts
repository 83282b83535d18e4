// The receiving end of a transfer, over as many connections as it takes. One connection is sinkrun.ts.
import type { Hasher } from "./blake3";
import { fromUTF8, type Bytes } from "./bytes";
import type { Disk, DiskFile, Entry } from "./disk";
import { IncomingFile } from "./files";
import { Keeper } from "./keeper";
import type { Way } from "./lane";
import type { Range, Wanted } from "./messages";
import type { Manifest } from "./names";
import { asProblem, TransferError } from "./problem";
import type { Offer } from "./shape";
import { Shelf } from "./shelf";
import { SinkRun } from "./sinkrun";

const maxText = 16 << 20; // bytes of a message that is shown

/** What a sink asks of and tells its owner. */
export interface SinkOwner {
  /** The first offer: resolves when the person wants it. */
  offered(offer: Offer): Promise<{ disk?: Disk; skip: readonly number[] }>;
  /** verified or complete changed. */
  changed(): void;
}

export class Sink {
  /** Bytes of the wanted files, and how many of them are verified. */
  total = 0;
  verified = 0;
  text: string | undefined;
  /** Everything is verified and has its name. */
  complete = false;
  files = new Map<number, IncomingFile>(); // the wanted ones, by entry
  /** What was chosen; undefined where it is everything. */
  wanted: Wanted | undefined;
  keeper: Keeper | undefined;
  shelf = new Shelf(0);
  #manifest: Manifest | undefined;
  #decided: Promise<void> | undefined;
  #disk: Disk | undefined;
  #left = 0; // files that are not done
  #run: SinkRun | undefined;
  #failure: TransferError | undefined;

  constructor(
    readonly id: string,
    readonly owner: SinkOwner,
    readonly hasher: Hasher,
  ) {}

  get ordered(): boolean {
    return this.#disk?.ordered ?? false;
  }

  /** Everything came and is right; the disk may have work left. */
  get proven(): boolean {
    return [...this.files.values()].every((f) => f.proven);
  }

  /** One conversation; whether it came to its end. False: the way broke, run it on the next one. Rejects with what ends
   * the transfer. */
  async run(way: Way): Promise<boolean> {
    if (this.#failure) throw this.#failure;
    this.#run = new SinkRun(this, way);
    return this.#run.done();
  }

  /** Tells the other end, and ends. */
  async cancel(reason: string): Promise<void> {
    this.#failure ??= new TransferError("cancelled", "");
    await this.#run?.cancel(reason);
    await this.close();
  }

  /** Lets go of the disk, to go on another time. */
  async close(): Promise<void> {
    await this.keeper?.close(this.files.values());
    if (!this.complete) await this.#disk?.close();
  }

  // ---- for the run ----

  /** The offer came whole, the first time or again. */
  async agree(manifest: Manifest): Promise<void> {
    if (this.#manifest && !sameOffer(this.#manifest, manifest)) {
      throw new TransferError("changed", "The sender offers something else now than before. Ask for a new link.");
    }
    this.#manifest ??= manifest;
    await (this.#decided ??= this.#decide(manifest)); // the connection may have broken while the person thought about it
    await this.#disk?.prepare(manifest.entries);
    if (this.#disk?.fresh !== true && !this.#disk?.ordered) await this.#look();
  }

  /** The entries that are not wanted, or are done: (first, count). */
  skips(manifest: Manifest): Range[] {
    const skips: Range[] = [];
    for (let i = 0; i < manifest.entries.length; i++) {
      const file = this.files.get(i);
      if (file && !file.done && !file.proven) continue;
      const last = skips.at(-1);
      if (last && last[0] + last[1] === i) last[1]++;
      else skips.push([i, 1]);
    }
    return skips;
  }

  async #decide(manifest: Manifest): Promise<void> {
    const { id, name, kind, files, bytes, piece } = manifest.offer;
    if (kind === "text" && bytes > maxText) throw new TransferError("bad-offer", "This text is too long to be shown. Ask for a file instead.");
    const { disk, skip } = await this.owner.offered({ id, name, kind, files, bytes, entries: manifest.entries });
    const wanted = kind === "text" ? new TextDisk((text) => (this.text = text)) : disk;
    if (!wanted) throw new TransferError("failed", "No place to keep the files was given.");
    this.#disk = wanted;
    const unwanted = new Set(skip);
    manifest.entries.forEach((entry, i) => {
      if (!entry.k && !unwanted.has(i)) this.files.set(i, new IncomingFile(i, entry, piece));
    });
    for (const file of this.files.values()) this.total += file.size;
    if (unwanted.size > 0) this.wanted = { files: this.files.size, bytes: this.total };
    this.shelf = new Shelf(piece);
    this.#left = this.files.size;
    this.keeper = new Keeper(wanted, [...this.files.values()], (bytes) => this.#took(bytes), (f) => this.#finished(f), (e) => this.fail(asProblem(e, "disk")));
    await wanted.prepare(manifest.entries);
    for (const [i, entry] of manifest.entries.entries()) if (entry.k === "d" && !unwanted.has(i)) await wanted.folder(entry);
    if (this.#left === 0) await this.#complete();
  }

  /** Hashes what the disk has of files that nothing is known of. */
  async #look(): Promise<void> {
    const disk = this.#disk;
    if (!disk) return;
    for (const file of this.files.values()) {
      if (file.done || file.looked) continue;
      file.looked = true;
      const handle = await file.open(disk);
      await this.#lookAt(file, handle);
      if (handle.kept === 0 || !file.knowsAny) await file.shut(true);
    }
  }

  async #lookAt(file: IncomingFile, handle: DiskFile): Promise<void> {
    const kept = Math.min(handle.kept, file.size);
    for (let piece = 0; piece < file.pieces; piece++) {
      const length = file.lengthOf(piece);
      const offset = piece * file.pieceSize;
      if (offset + length > kept) return;
      const bytes = await handle.read(offset, length);
      if (bytes.length < length) return;
      file.found(piece, file.pieces === 1 ? this.hasher.root(bytes) : this.hasher.piece(bytes, offset / 1024));
    }
  }

  #took(bytes: Bytes): void {
    this.shelf.give(bytes);
    this.#run?.took();
  }

  #finished(file: IncomingFile): void {
    this.#left--;
    this.#run?.finished(file);
    if (this.#left === 0) this.#complete().catch((e: unknown) => this.fail(asProblem(e, "disk")));
  }

  async #complete(): Promise<void> {
    await this.#disk?.finish();
    this.complete = true;
    this.owner.changed();
    this.#run?.completed();
  }

  fail(problem: TransferError): void {
    this.#failure ??= problem;
    this.#run?.fail(this.#failure);
  }
}

function sameOffer(a: Manifest, b: Manifest): boolean {
  if (a.offer.id !== b.offer.id || a.offer.piece !== b.offer.piece || a.entries.length !== b.entries.length) return false;
  return a.entries.every((e, i) => {
    const other = b.entries[i] as Entry;
    return e.p === other.p && (e.k ?? "") === (other.k ?? "") && (e.s ?? 0) === (other.s ?? 0);
  });
}

/** Keeps the one entry of a text in memory. */
class TextDisk implements Disk {
  readonly ordered = false;
  readonly fresh = true;

  constructor(readonly show: (text: string) => void) {}

  async prepare(): Promise<void> {}
  async folder(): Promise<void> {}
  async finish(): Promise<void> {}
  async close(): Promise<void> {}

  async file(entry: Entry): Promise<DiskFile> {
    const bytes: Bytes = new Uint8Array(entry.s ?? 0);
    return {
      kept: 0,
      read: async (offset, length) => bytes.slice(offset, offset + length),
      write: async (offset, part) => bytes.set(part, offset),
      finish: async () => {
        try {
          this.show(fromUTF8(bytes));
        } catch {
          throw new TransferError("bad-file", "What came is no text.");
        }
      },
      close: async () => {},
    };
  }
}
