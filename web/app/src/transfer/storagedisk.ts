// A disk in the browser's own storage (OPFS): written in place, so that a closed tab can go on; handed to the downloads when it is complete.
import type { DiskFile, Entry } from "../../../sdk/src/transfer/disk";
import { bytesOf, DiskError, diskError, download, filesOf, isSingle, keptOf, type PageDisk, type Saved } from "./disks";
import { saveName } from "./names";
import type { Answer, Order, Task } from "./opfsorders";
import { sizeWords } from "./amounts";
import { isFolder, ZipWriter } from "./zip";

/** The folder of the storage in which each transfer has a folder of its own. */
export const shelf = "transfers";

export class StorageDisk implements PageDisk {
  readonly kind = "storage";
  readonly ordered = false;
  readonly lasts = true;
  fresh = true;
  readonly #worker = new StorageWorker();
  #entries: readonly Entry[] = [];
  #numbers = new Map<string, number>();
  #sums = new Map<string, number>();
  #blobs = new Map<string, File>();

  constructor(
    readonly id: string,
    /** Of the archive, where there is more than one file. */
    readonly name: string,
    readonly skip: readonly number[] = [],
  ) {}

  async prepare(entries: readonly Entry[]): Promise<void> {
    this.#entries = keptOf(entries, this.skip);
    this.#numbers = new Map(entries.map((e, i) => [e.p, i]));
    const kept = await this.#kept();
    this.fresh = kept === undefined;
    const missing = await storageMissing(bytesOf(this.#entries) - (kept ?? 0));
    if (missing > 0) {
      throw new DiskError("disk-full", `The browser’s storage is ${sizeWords(missing)} too small for it. Free some space, or choose a folder to save to.`);
    }
  }

  async folder(): Promise<void> {} // they are made in the archive

  async file(entry: Entry): Promise<DiskFile> {
    const number = this.#numbers.get(entry.p) ?? -1;
    const worker = this.#worker;
    const sum = !isSingle(this.#entries, this.skip.length > 0);
    const kept = Number(await worker.ask({ do: "open", file: number, folder: [shelf, this.id], name: `f${number}`, sum }));
    return {
      kept: Math.min(kept, entry.s ?? 0),
      read: async (at, length) => (await worker.ask({ do: "read", file: number, at, length })) as Uint8Array<ArrayBuffer>,
      write: async (at, bytes) => (await worker.ask({ do: "write", file: number, at, bytes }, bytes.buffer)) as Uint8Array<ArrayBuffer>,
      finish: async () => {
        const crc = await worker.ask({ do: "finish", file: number, size: entry.s ?? 0 });
        this.#sums.set(entry.p, Number(crc));
      },
      close: async () => void (await worker.ask({ do: "close", file: number })),
    };
  }

  async finish(): Promise<void> {
    const dir = await transferFolder(this.id, true);
    for (const e of this.#files()) {
      this.#blobs.set(e.p, await (await dir.getFileHandle(`f${this.#numbers.get(e.p)}`)).getFile());
    }
    this.#worker.end();
  }

  async close(forget = false): Promise<void> {
    this.#worker.end();
    if (forget) await forgetStorage(this.id);
  }

  saved(): Saved {
    const files = this.#files().map((e) => ({ path: e.p, size: e.s ?? 0, blob: async () => this.#blob(e) }));
    return { where: "among your downloads", files, save: async () => this.#save() };
  }

  #blob(entry: Entry): Blob {
    return this.#blobs.get(entry.p) ?? new Blob([]);
  }

  /** The files that were received: skipped ones were never opened. */
  #files(): Entry[] {
    return filesOf(this.#entries).filter((e) => this.#sums.has(e.p));
  }

  #save(): void {
    const [only] = this.#entries;
    if (only && isSingle(this.#entries, this.skip.length > 0)) return download(this.#blob(only), saveName(only.p));
    download(this.#archive(), `${saveName(this.name)}.zip`);
  }

  /** The archive is made of references to the files: nothing of them is copied or read here. */
  #archive(): Blob {
    const zip = new ZipWriter();
    const parts: BlobPart[] = [];
    for (const e of this.#entries) {
      if (!isFolder(e) && !this.#sums.has(e.p)) continue;
      const crc = this.#sums.get(e.p) ?? 0;
      parts.push(zip.before(e, crc));
      if (!isFolder(e)) parts.push(this.#blob(e));
      parts.push(zip.after(crc, true));
    }
    return new Blob([...parts, ...zip.end()], { type: "application/zip" });
  }

  /** Bytes of an earlier try; undefined where there was none. */
  async #kept(): Promise<number | undefined> {
    try {
      let sum = 0;
      const dir = await transferFolder(this.id, false);
      for await (const handle of (dir as unknown as { values(): AsyncIterable<FileSystemHandle> }).values()) {
        if (handle.kind === "file") sum += (await (handle as FileSystemFileHandle).getFile()).size;
      }
      return sum;
    } catch {
      return undefined;
    }
  }
}

/** The worker, asked for one thing after the other; its refusals are DiskErrors. */
class StorageWorker {
  #worker?: Worker;
  #asked = new Map<number, { resolve(v: unknown): void; reject(e: unknown): void }>();
  #n = 0;

  /** `memory` goes to the worker, which is cheaper than a copy. */
  ask(task: Task, ...memory: ArrayBuffer[]): Promise<unknown> {
    const worker = (this.#worker ??= this.#start());
    const order: Order = { ...task, n: ++this.#n };
    return new Promise((resolve, reject) => {
      this.#asked.set(order.n, { resolve, reject });
      worker.postMessage(order, memory);
    });
  }

  end(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    this.#fail(new DiskError("disk", "The transfer was closed."));
  }

  #start(): Worker {
    const worker = new Worker("/transfer-disk.js", { type: "module", name: "transfer-disk" });
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      const asked = this.#asked.get(data.n);
      this.#asked.delete(data.n);
      if (data.error) asked?.reject(diskError(data.error));
      else asked?.resolve(data.value);
    };
    worker.onerror = () => this.#fail(new DiskError("disk", "The part of this page that saves files did not load. Load the page again."));
    return worker;
  }

  #fail(e: DiskError): void {
    for (const { reject } of this.#asked.values()) reject(e);
    this.#asked.clear();
  }
}

const slack = 16 << 20; // bytes: for what the browser keeps beside the files

/** How much more the browser's storage would have to hold: 0 where it fits; all of it where there is none. */
export async function storageMissing(bytes: number): Promise<number> {
  try {
    await navigator.storage.getDirectory(); // private windows of some browsers have none
    const { quota = 0, usage = 0 } = await navigator.storage.estimate();
    return Math.max(0, bytes + slack - (quota - usage));
  } catch {
    return bytes + slack;
  }
}

async function transferFolder(id: string, create: boolean): Promise<FileSystemDirectoryHandle> {
  const root = await navigator.storage.getDirectory();
  const all = await root.getDirectoryHandle(shelf, { create });
  return all.getDirectoryHandle(id, { create });
}

/** Throws away what a transfer has left in the storage. */
export async function forgetStorage(id: string): Promise<void> {
  try {
    const root = await navigator.storage.getDirectory();
    await (await root.getDirectoryHandle(shelf)).removeEntry(id, { recursive: true });
  } catch {
    // Nothing there, or no storage at all.
  }
}

/** The transfers that have something in the storage. */
export async function storedIDs(): Promise<string[]> {
  const ids: string[] = [];
  try {
    const root = await navigator.storage.getDirectory();
    const all = await root.getDirectoryHandle(shelf);
    for await (const name of (all as unknown as { keys(): AsyncIterable<string> }).keys()) ids.push(name);
  } catch {
    // None.
  }
  return ids;
}
