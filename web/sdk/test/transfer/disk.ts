// A disk in memory, which keeps what it has from one transfer to the next.
import type { Disk, DiskFile, Entry } from "../../src/transfer/disk";
import type { Bytes } from "../../src/transfer/bytes";

export class MemoryDisk implements Disk {
  files = new Map<string, Uint8Array<ArrayBuffer>>();
  parts = new Map<string, { bytes: Uint8Array<ArrayBuffer>; length: number }>();
  folders: string[] = [];
  finished = 0;
  closed = 0;
  open = 0;
  full = Infinity;
  slow: () => Promise<void> = async () => {};
  writes: [string, number][] = [];

  constructor(readonly ordered = false) {}

  async prepare(): Promise<void> {}

  async folder(entry: Entry): Promise<void> {
    this.folders.push(entry.p);
  }

  async file(entry: Entry): Promise<DiskFile> {
    const path = entry.p;
    const whole = this.files.get(path);
    const part = this.parts.get(path) ?? { bytes: new Uint8Array(entry.s ?? 0), length: 0 };
    if (whole && !this.parts.has(path)) {
      part.bytes.set(whole.subarray(0, part.bytes.length));
      part.length = whole.length;
    }
    this.parts.set(path, part);
    this.open++;
    return {
      kept: this.ordered ? 0 : part.length,
      read: async (offset: number, length: number): Promise<Bytes> => part.bytes.slice(offset, Math.min(part.length, offset + length)),
      write: async (offset: number, bytes: Bytes) => {
        await this.slow();
        if (offset + bytes.length > this.full) throw Object.assign(new Error("The disk is full."), { code: "disk-full" });
        if (this.ordered && offset !== part.length) throw new Error(`a hole at ${part.length} of ${path}`);
        this.writes.push([path, offset]);
        part.bytes.set(bytes, offset);
        part.length = Math.max(part.length, offset + bytes.length);
      },
      finish: async () => {
        this.open--;
        this.files.set(path, part.bytes);
        this.parts.delete(path);
      },
      close: async () => {
        this.open--;
      },
    };
  }

  async finish(): Promise<void> {
    this.finished++;
  }

  async close(): Promise<void> {
    this.closed++;
  }
}
