// The worker that writes the files of a transfer to the browser's own storage (OPFS): only a worker may write there in place, so
// that what was written survives a closed tab.
import { crc32 } from "./crc";
import type { Answer, Order } from "./opfsorders";

// What TypeScript's DOM library leaves to its WebWorker library, which cannot be used beside it.
interface SyncHandle {
  getSize(): number;
  read(into: Uint8Array, at: { at: number }): number;
  write(bytes: Uint8Array, at: { at: number }): number;
  truncate(size: number): void;
  flush(): void;
  close(): void;
}

const port = globalThis as unknown as { postMessage(m: Answer, transfer: Transferable[]): void; onmessage: ((m: { data: Order }) => void) | null };

interface Open {
  handle: SyncHandle;
  /** Whether a CRC-32 is wanted: an archive needs one, a single file does not. */
  sum: boolean;
  /** Of the bytes up to `summed`, while they come in order. */
  crc: number;
  summed: number;
}

const files = new Map<number, Open>();
const folders = new Map<string, Promise<FileSystemDirectoryHandle>>();
let queue: Promise<void> = Promise.resolve(); // orders are done one after the other

port.onmessage = ({ data: order }) => {
  queue = queue.then(async () => {
    try {
      const [value, ...transfer] = await obey(order);
      port.postMessage({ n: order.n, value }, transfer);
    } catch (e) {
      const { name, message } = e as Error;
      port.postMessage({ n: order.n, error: { name, message } }, []);
    }
  });
};

async function obey(order: Order): Promise<[value?: unknown, ...Transferable[]]> {
  switch (order.do) {
    case "open": {
      const file = await (await folderOf(order.folder)).getFileHandle(order.name, { create: true });
      const handle = await (file as unknown as { createSyncAccessHandle(): Promise<SyncHandle> }).createSyncAccessHandle();
      files.set(order.file, { handle, sum: order.sum, crc: 0, summed: 0 });
      return [handle.getSize()];
    }
    case "read": {
      const bytes = new Uint8Array(order.length);
      const n = opened(order.file).handle.read(bytes, { at: order.at });
      return [bytes.subarray(0, n), bytes.buffer];
    }
    case "write":
      write(opened(order.file), order.at, order.bytes);
      return [order.bytes, order.bytes.buffer];
    case "finish": {
      const open = opened(order.file);
      open.handle.truncate(order.size);
      if (open.sum) sumUp(open, order.size);
      close(order.file); // not flushed: what a power cut takes is missed when it is hashed the next time
      return [open.crc];
    }
    case "close":
      if (files.has(order.file)) close(order.file);
      return [];
  }
}

/** Looked up once: there may be thousands of files in it. */
function folderOf(path: readonly string[]): Promise<FileSystemDirectoryHandle> {
  const key = path.join("/");
  let found = folders.get(key);
  if (!found) {
    found = navigator.storage.getDirectory().then(async (dir) => {
      for (const part of path) dir = await dir.getDirectoryHandle(part, { create: true });
      return dir;
    });
    found.catch(() => folders.delete(key));
    folders.set(key, found);
  }
  return found;
}

function opened(file: number): Open {
  const open = files.get(file);
  if (!open) throw new Error("transfer: the file is not open");
  return open;
}

function close(file: number): void {
  opened(file).handle.close();
  files.delete(file);
}

function write(open: Open, at: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) {
    const n = open.handle.write(bytes.subarray(done), { at: at + done });
    if (n <= 0) throw new DOMException("The storage takes no more.", "QuotaExceededError");
    done += n;
  }
  if (!open.sum) return;
  if (at === open.summed) {
    open.crc = crc32(bytes, open.crc);
    open.summed += bytes.length;
  } else if (at < open.summed) {
    open.crc = open.summed = 0; // written anew
  }
}

/** The sum of what did not come in order. */
function sumUp(open: Open, size: number): void {
  const bytes = new Uint8Array(1 << 20);
  while (open.summed < size) {
    const n = open.handle.read(bytes, { at: open.summed });
    if (n <= 0) break;
    open.crc = crc32(bytes.subarray(0, n), open.crc);
    open.summed += n;
  }
}
