import { describe, expect, it } from "vitest";
import { FolderDisk } from "../src/transfer/folderdisk";

/** A folder as File System Access has it: what a stream has written counts when it is closed. */
class Folder {
  readonly kind = "directory";
  files = new Map<string, FileNode>();
  folders = new Map<string, Folder>();

  constructor(
    readonly name: string,
    readonly movable: boolean,
  ) {}

  async getDirectoryHandle(name: string, { create = false } = {}): Promise<Folder> {
    if (!this.folders.has(name) && !create) throw new DOMException("no", "NotFoundError");
    if (!this.folders.has(name)) this.folders.set(name, new Folder(name, this.movable));
    return this.folders.get(name)!;
  }

  async getFileHandle(name: string, { create = false } = {}): Promise<FileNode> {
    if (!this.files.has(name) && !create) throw new DOMException("no", "NotFoundError");
    if (!this.files.has(name)) this.files.set(name, new FileNode(this, name));
    return this.files.get(name)!;
  }

  async removeEntry(name: string): Promise<void> {
    this.files.delete(name);
  }

  put(name: string, text: string): void {
    const file = new FileNode(this, name);
    file.bytes = new TextEncoder().encode(text);
    this.files.set(name, file);
  }

  list(): Record<string, string> {
    return Object.fromEntries([...this.files].map(([name, f]) => [name, new TextDecoder().decode(f.bytes)]));
  }
}

class FileNode {
  readonly kind = "file";
  bytes = new Uint8Array(0);
  move?: (name: string) => Promise<void>;

  constructor(
    readonly folder: Folder,
    public name: string,
  ) {
    if (folder.movable) {
      this.move = async (to) => {
        folder.files.delete(this.name);
        folder.files.set((this.name = to), this);
      };
    }
  }

  async getFile(): Promise<File> {
    return new File([this.bytes], this.name);
  }

  async createWritable({ keepExistingData = false } = {}): Promise<WritableStream<unknown>> {
    let copy = keepExistingData ? this.bytes.slice() : new Uint8Array(0);
    const put = (at: number, data: Uint8Array) => {
      const grown = new Uint8Array(Math.max(copy.length, at + data.length));
      grown.set(copy);
      grown.set(data, at);
      copy = grown;
    };
    const stream = new WritableStream<Uint8Array>({ write: (data) => put(copy.length, data), close: () => void (this.bytes = copy) });
    return Object.assign(stream, {
      write: async ({ position, data }: { position: number; data: Uint8Array }) => put(position, data),
      truncate: async (size: number) => void (copy = copy.slice(0, size)),
      close: async () => void (this.bytes = copy),
    });
  }
}

const bytes = (text: string) => new TextEncoder().encode(text);

function start(movable = true): { root: Folder; disk: FolderDisk } {
  const root = new Folder("picked", movable);
  return { root, disk: new FolderDisk(root as unknown as FileSystemDirectoryHandle) };
}

describe("a folder that was chosen", () => {
  for (const movable of [true, false]) {
    it(`has NAME.part until the file is whole, where files ${movable ? "can" : "cannot"} be renamed`, async () => {
      const { root, disk } = start(movable);
      const file = await disk.file({ p: "a.txt", s: 6 });
      expect(root.list(), "nothing is made before there is something").toEqual({});
      await file.write(3, bytes("def"));
      await file.write(0, bytes("abc"));
      expect(Object.keys(root.list())).toEqual(["a.txt.part"]);
      await file.finish();
      expect(root.list()).toEqual({ "a.txt": "abcdef" });
    });
  }

  it("keeps a part that was closed, and goes on with it", async () => {
    const { root, disk } = start();
    const first = await disk.file({ p: "a.txt", s: 6 });
    await first.write(0, bytes("abc"));
    await first.close();
    expect(root.list()).toEqual({ "a.txt.part": "abc" });
    const again = await disk.file({ p: "a.txt", s: 6 });
    expect(again.kept).toBe(3);
    expect(new TextDecoder().decode(await again.read(1, 100))).toBe("bc");
    await again.write(3, bytes("def"));
    await again.finish();
    expect(root.list()).toEqual({ "a.txt": "abcdef" });
  });

  it("a part that was longer is cut", async () => {
    const { root, disk } = start();
    root.put("a.txt.part", "abcdefgh");
    const file = await disk.file({ p: "a.txt", s: 3 });
    expect(file.kept).toBe(3);
    await file.finish();
    expect(root.list()).toEqual({ "a.txt": "abc" });
  });

  it("an empty file is made, and is there the next time", async () => {
    const { root, disk } = start();
    await (await disk.file({ p: "e", s: 0 })).finish();
    await (await disk.file({ p: "e", s: 0 })).finish();
    expect(root.list()).toEqual({ e: "" });
  });

  it("never writes a file that was there: the same is left, another gets a number", async () => {
    const { root, disk } = start();
    root.put("a.txt", "theirs");
    const same = await disk.file({ p: "a.txt", s: 6 });
    expect(same.kept).toBe(6);
    await same.finish();
    expect(root.list()).toEqual({ "a.txt": "theirs" });

    const other = await disk.file({ p: "a.txt", s: 4 });
    expect(other.kept).toBe(0);
    await other.write(0, bytes("ours"));
    await other.finish();
    expect(root.list()).toEqual({ "a.txt": "theirs", "a (2).txt": "ours" });
  });

  it("takes over what is the same of a file that turns out to be another", async () => {
    const { root, disk } = start();
    root.put("a.txt", "theirs");
    const file = await disk.file({ p: "a.txt", s: 6 });
    await file.write(0, bytes("h"));
    await file.finish();
    expect(root.list()).toEqual({ "a.txt": "theirs", "a (2).txt": "hheirs" });
  });

  it("makes folders, and tells what is in them", async () => {
    const { root, disk } = start();
    const entries = [{ p: "d", k: "d" as const }, { p: "d/e/f", s: 1 }];
    await disk.prepare(entries);
    await disk.folder(entries[0]!);
    const file = await disk.file(entries[1]!);
    await file.write(0, bytes("x"));
    await file.finish();
    expect(root.folders.get("d")?.folders.get("e")?.list()).toEqual({ f: "x" });
    const saved = disk.saved();
    expect(saved.where).toBe("in the folder picked");
    expect(saved.save).toBeUndefined();
    expect(await (await saved.files[0]!.blob()).text()).toBe("x");
  });

  it("a refusal says what to do", async () => {
    const { root, disk } = start();
    root.getDirectoryHandle = async () => {
      throw new DOMException("no", "NotAllowedError");
    };
    await expect(disk.file({ p: "d/f", s: 1 })).rejects.toMatchObject({ code: "disk", message: expect.stringMatching(/choose it again/i) });
  });
});
