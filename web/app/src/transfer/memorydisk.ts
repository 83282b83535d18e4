// A disk in memory, for the few browsers (private windows) that give a page nothing else; for little only.
import type { DiskFile, Entry } from "../../../sdk/src/transfer/disk";
import { crc32 } from "./crc";
import { bytesOf, DiskError, download, filesOf, isSingle, keptOf, type PageDisk, type Saved } from "./disks";
import { saveName } from "./names";
import { sizeWords } from "./amounts";
import { isFolder, ZipWriter } from "./zip";

/** More would make a tab of a phone fall over. */
export const mostMemory = 128 << 20; // bytes

export class MemoryDisk implements PageDisk {
  readonly kind = "memory";
  readonly ordered = false;
  readonly lasts = false;
  readonly fresh = true;
  #entries: readonly Entry[] = [];
  #bytes = new Map<string, Uint8Array<ArrayBuffer>>();

  constructor(
    readonly name: string,
    readonly skip: readonly number[] = [],
  ) {}

  async prepare(entries: readonly Entry[]): Promise<void> {
    this.#entries = keptOf(entries, this.skip);
    if (bytesOf(this.#entries) > mostMemory) {
      throw new DiskError("disk-full", `This browser keeps at most ${sizeWords(mostMemory)} here. Use a window that is not private, another browser, or the command line.`);
    }
  }

  async folder(): Promise<void> {}

  async file(entry: Entry): Promise<DiskFile> {
    const bytes = this.#bytes.get(entry.p) ?? new Uint8Array(entry.s ?? 0);
    this.#bytes.set(entry.p, bytes);
    return {
      kept: 0,
      read: async (at, length) => bytes.slice(at, at + length),
      write: async (at, more) => bytes.set(more, at),
      finish: async () => {},
      close: async () => {},
    };
  }

  async finish(): Promise<void> {}

  async close(): Promise<void> {}

  saved(): Saved {
    const files = this.#files().map((e) => ({ path: e.p, size: e.s ?? 0, blob: async () => this.#blob(e) }));
    return { where: "among your downloads", files, save: async () => this.#save() };
  }

  #files(): Entry[] {
    return filesOf(this.#entries).filter((e) => this.#bytes.has(e.p));
  }

  #blob(entry: Entry): Blob {
    return new Blob([this.#bytes.get(entry.p) ?? new Uint8Array(0)]);
  }

  #save(): void {
    const [only] = this.#entries;
    if (only && isSingle(this.#entries, this.skip.length > 0)) return download(this.#blob(only), saveName(only.p));
    const zip = new ZipWriter();
    const parts: BlobPart[] = [];
    for (const e of this.#entries) {
      const bytes = this.#bytes.get(e.p);
      if (!isFolder(e) && !bytes) continue;
      const crc = bytes ? crc32(bytes) : 0;
      parts.push(zip.before(e, crc), ...(bytes ? [bytes] : []), zip.after(crc, true));
    }
    download(new Blob([...parts, ...zip.end()], { type: "application/zip" }), `${saveName(this.name)}.zip`);
  }
}
