// A disk in a folder that the person chose (File System Access, Chromium): each file is NAME.part until it is whole and verified.
import type { DiskFile, Entry } from "../../../sdk/src/transfer/disk";
import { diskError, filesOf, type PageDisk, type Saved } from "./disks";
import { nthName } from "./names";

/** What of the interface TypeScript does not know. */
interface Movable extends FileSystemFileHandle {
  move?(name: string): Promise<void>;
}

/** What was written counts only when its stream is closed, and opening the next stream copies the file: so this is done when as much again has come. */
const firstCheckpoint = 64 << 20; // bytes

export class FolderDisk implements PageDisk {
  readonly kind = "folder";
  readonly ordered = false;
  readonly lasts = true;
  #entries: readonly Entry[] = [];
  #finished = new Map<string, FileSystemFileHandle>();

  constructor(readonly root: FileSystemDirectoryHandle) {}

  async prepare(entries: readonly Entry[]): Promise<void> {
    this.#entries = entries;
  }

  async folder(entry: Entry): Promise<void> {
    await this.#folder(entry.p.split("/"));
  }

  async file(entry: Entry): Promise<DiskFile> {
    try {
      const path = entry.p.split("/");
      const name = path.pop() ?? "";
      const file = await PartFile.open(await this.#folder(path), name, entry.s ?? 0);
      file.onfinish = (handle) => this.#finished.set(entry.p, handle);
      return file;
    } catch (e) {
      throw diskError(e);
    }
  }

  async finish(): Promise<void> {}

  async close(): Promise<void> {}

  saved(): Saved {
    const files = filesOf(this.#entries).flatMap((e) => {
      const handle = this.#finished.get(e.p);
      return handle ? [{ path: e.p, size: e.s ?? 0, blob: () => handle.getFile() }] : [];
    });
    return { where: `in the folder ${this.root.name}`, files };
  }

  async #folder(path: string[]): Promise<FileSystemDirectoryHandle> {
    let dir = this.root;
    try {
      for (const part of path) dir = await dir.getDirectoryHandle(part, { create: true });
    } catch (e) {
      throw diskError(e);
    }
    return dir;
  }
}

class PartFile implements DiskFile {
  onfinish?: (handle: FileSystemFileHandle) => void;
  #stream?: FileSystemWritableFileStream;
  #unsaved = 0;

  private constructor(
    readonly dir: FileSystemDirectoryHandle,
    readonly wanted: string,
    readonly size: number,
    /** The final name. */
    public name: string,
    readonly kept: number,
    /** What is there: a part of ours, or with `whole` a file of this name and size, which is read and never written. */
    public handle: Movable | undefined,
    public whole: boolean,
  ) {}

  /** Nothing is made before something is written. */
  static async open(dir: FileSystemDirectoryHandle, wanted: string, size: number): Promise<PartFile> {
    for (let n = 1; ; n++) {
      const name = nthName(wanted, n);
      const there = await find(dir, name);
      if (there && (await there.getFile()).size === size) return new PartFile(dir, wanted, size, name, size, there, true);
      if (there) continue;
      const part = await find(dir, `${name}.part`);
      const kept = part ? Math.min(size, (await part.getFile()).size) : 0;
      return new PartFile(dir, wanted, size, name, kept, part, false);
    }
  }

  async read(at: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    const file = await this.handle?.getFile();
    return new Uint8Array((await file?.slice(at, Math.min(at + length, this.kept)).arrayBuffer()) ?? []);
  }

  async write(at: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    try {
      if (this.whole) await this.#leaveWhole();
      this.#stream ??= await (await this.#part()).createWritable({ keepExistingData: true });
      await this.#stream.write({ type: "write", position: at, data: bytes });
      this.#unsaved += bytes.length;
      if (this.#unsaved >= Math.max(firstCheckpoint, at + bytes.length - this.#unsaved)) await this.#checkpoint();
    } catch (e) {
      throw diskError(e);
    }
  }

  async finish(): Promise<void> {
    try {
      if (!this.whole) {
        const part = await this.#part();
        await this.#checkpoint();
        if ((await part.getFile()).size > this.size) await this.#cut(part);
        this.handle = await rename(this.dir, part, this.name);
      }
      if (this.handle) this.onfinish?.(this.handle);
    } catch (e) {
      throw diskError(e);
    }
  }

  async close(): Promise<void> {
    await this.#checkpoint().catch(() => {}); // the part of before is still there
  }

  async #part(): Promise<Movable> {
    return (this.handle ??= await this.dir.getFileHandle(`${this.name}.part`, { create: true }));
  }

  async #checkpoint(): Promise<void> {
    const stream = this.#stream;
    this.#stream = undefined;
    this.#unsaved = 0;
    await stream?.close();
  }

  async #cut(part: Movable): Promise<void> {
    const stream = await part.createWritable({ keepExistingData: true });
    await stream.truncate(this.size);
    await stream.close();
  }

  /** It is not the same after all: what is the same of it is copied into a part of our own, and theirs stays as it is. */
  async #leaveWhole(): Promise<void> {
    const from = await this.handle?.getFile();
    for (let n = 2; ; n++) {
      this.name = nthName(this.wanted, n);
      if (!(await find(this.dir, this.name))) break;
    }
    this.whole = false;
    this.handle = undefined;
    await from?.stream().pipeTo(await (await this.#part()).createWritable());
  }
}

async function find(dir: FileSystemDirectoryHandle, name: string): Promise<FileSystemFileHandle | undefined> {
  try {
    return await dir.getFileHandle(name);
  } catch (e) {
    if ((e as Error).name === "NotFoundError") return undefined;
    throw e;
  }
}

/** Browsers that cannot give a file another name copy it. */
async function rename(dir: FileSystemDirectoryHandle, part: Movable, name: string): Promise<FileSystemFileHandle> {
  try {
    if (part.move) {
      await part.move(name);
      return await dir.getFileHandle(name);
    }
  } catch {
    // Not for folders of the system, or not for files of this kind.
  }
  const partName = part.name;
  const target = await dir.getFileHandle(name, { create: true });
  await (await part.getFile()).stream().pipeTo(await target.createWritable());
  await dir.removeEntry(partName);
  return target;
}
