import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { crc32 } from "../src/transfer/crc";
import type { Answer, Order } from "../src/transfer/opfsorders";
import { StorageDisk } from "../src/transfer/storagedisk";
import { ZipWriter } from "../src/transfer/zip";

type Bytes = Uint8Array<ArrayBuffer>;

/** The browser's own storage: one folder, for all paths. */
class Storage {
  files = new Map<string, Bytes>();

  readonly folder = {
    getDirectoryHandle: async () => this.folder,
    getFileHandle: async (name: string) => {
      if (!this.files.has(name)) this.files.set(name, new Uint8Array(0));
      return { createSyncAccessHandle: async () => this.#open(name), getFile: async () => new File([this.files.get(name)!], name) };
    },
    values: async function* () {},
  };

  readonly api = { getDirectory: async () => this.folder, estimate: async () => ({ quota: 1e9, usage: 0 }) };

  #open(name: string) {
    const cut = (size: number) => {
      const bytes = new Uint8Array(size);
      bytes.set(this.files.get(name)!.subarray(0, size));
      this.files.set(name, bytes);
    };
    return {
      getSize: () => this.files.get(name)!.length,
      read: (into: Uint8Array, { at }: { at: number }) => {
        const part = this.files.get(name)!.subarray(at, at + into.length);
        into.set(part);
        return part.length;
      },
      write: (bytes: Uint8Array, { at }: { at: number }) => {
        cut(Math.max(this.files.get(name)!.length, at + bytes.length));
        this.files.get(name)!.set(bytes, at);
        return bytes.length;
      },
      truncate: cut,
      flush: () => {},
      close: () => {},
    };
  }
}

/** The worker's code, in this thread: what is posted is cloned, and what is handed over is gone here, as in a browser. */
class InlineWorker {
  onmessage?: (e: { data: Answer }) => void;

  constructor() {
    vi.stubGlobal("postMessage", (m: Answer, transfer: Transferable[]) => {
      const data = structuredClone(m, { transfer });
      queueMicrotask(() => this.onmessage?.({ data }));
    });
  }

  postMessage(order: Order, transfer: ArrayBuffer[]): void {
    const data = structuredClone(order, { transfer });
    queueMicrotask(() => (globalThis as unknown as { onmessage(e: { data: Order }): void }).onmessage({ data }));
  }

  terminate(): void {}
}

describe("the browser's storage", () => {
  let storage: Storage;

  beforeEach(async () => {
    storage = new Storage();
    vi.stubGlobal("navigator", { storage: storage.api });
    vi.stubGlobal("Worker", InlineWorker);
    vi.resetModules();
    await import("../src/transfer/opfsworker");
  });

  afterEach(() => vi.unstubAllGlobals());

  const noise = (length: number, seed: number): Bytes => Uint8Array.from({ length }, (_, i) => (i * i + seed * 31 + (i >> 8)) & 0xff);

  it("keeps pieces in any order, and gives their memory back", async () => {
    const disk = new StorageDisk("t1", "file");
    const all = noise(3000, 1);
    await disk.prepare([{ p: "file", s: 3000 }]);
    const file = await disk.file({ p: "file", s: 3000 });
    for (const at of [2000, 0, 1000]) {
      const piece = all.slice(at, at + 1000);
      const back = await file.write(at, piece);
      expect(piece.length, "it was handed over, not copied").toBe(0);
      expect(back).toEqual(all.slice(at, at + 1000));
    }
    await file.finish();
    expect(storage.files.get("f0")).toEqual(all);
  });

  it("knows the sums of an archive's files, in whatever order their pieces come", async () => {
    const [a, b] = [noise(3000, 2), noise(2000, 3)];
    const entries = [{ p: "d", k: "d" as const }, { p: "d/a", s: a.length }, { p: "d/b", s: b.length }];
    const disk = new StorageDisk("t2", "d");
    await disk.prepare(entries);
    for (const [entry, bytes, order] of [[entries[1]!, a, [0, 1000, 2000]], [entries[2]!, b, [1000, 0]]] as const) {
      const file = await disk.file(entry);
      for (const at of order) await file.write(at, bytes.slice(at, at + 1000));
      await file.finish();
    }
    await disk.finish();
    const sums = vi.spyOn(ZipWriter.prototype, "before");
    vi.stubGlobal("document", { createElement: () => ({ click: () => {}, remove: () => {} }), body: { append: () => {} } });
    await disk.saved().save?.();
    expect(sums.mock.calls.map(([e, sum]) => [e.p, sum])).toEqual([["d", 0], ["d/a", crc32(a)], ["d/b", crc32(b)]]);
  });
});
