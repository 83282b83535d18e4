// Which disk a transfer gets. docs/transfer.md (The browser's disk) says why.
import type { Offer } from "../../../sdk/src/transfer/shape";
import { sizeWords } from "./amounts";
import { bytesOf, DiskError, keptOf, type PageDisk } from "./disks";
import { FolderDisk } from "./folderdisk";
import { MemoryDisk, mostMemory } from "./memorydisk";
import { StorageDisk, storageMissing } from "./storagedisk";
import { StreamDisk } from "./streamdisk";
import { readyWorker } from "./worker";

interface Picker {
  showDirectoryPicker?(options: { id: string; mode: "readwrite"; startIn: string }): Promise<FileSystemDirectoryHandle>;
}

/** Whether one can be asked for a folder here. */
export function canChooseFolder(): boolean {
  return typeof (window as Picker).showDirectoryPicker === "function";
}

/** Asks for a folder; undefined where the person closed the question. */
export async function chooseFolder(): Promise<FileSystemDirectoryHandle | undefined> {
  try {
    return await (window as Picker).showDirectoryPicker?.({ id: "switchyard", mode: "readwrite", startIn: "downloads" });
  } catch (e) {
    if ((e as Error).name === "AbortError") return undefined;
    throw e;
  }
}

/** Whether a folder of before may still be written to; asks where the browser wants that (it must follow a click). */
export async function mayWrite(folder: FileSystemDirectoryHandle): Promise<boolean> {
  const f = folder as FileSystemDirectoryHandle & {
    queryPermission?(o: { mode: "readwrite" }): Promise<PermissionState>;
    requestPermission?(o: { mode: "readwrite" }): Promise<PermissionState>;
  };
  const how = { mode: "readwrite" } as const;
  if (!f.queryPermission || (await f.queryPermission(how)) === "granted") return true;
  return (await f.requestPermission?.(how)) === "granted";
}

/** The disk for an offer: the chosen folder; else the browser's storage, which lasts; else a stream; else memory. Throws where none can hold it. */
export async function chooseDisk(offer: Offer, folder?: FileSystemDirectoryHandle, skip: readonly number[] = []): Promise<PageDisk> {
  if (folder) return new FolderDisk(folder);
  const bytes = bytesOf(keptOf(offer.entries, skip));
  const missing = await storageMissing(bytes);
  if (missing === 0) return new StorageDisk(offer.id, offer.name, skip);
  if (await readyWorker()) return new StreamDisk(offer.name, skip);
  if (bytes <= mostMemory) return new MemoryDisk(offer.name, skip);
  throw new DiskError("disk-full", `The browser’s storage is ${sizeWords(missing)} too small for it. ${offer.files > 1 ? "Choose fewer of the files. " : ""}${otherwise()}`);
}

function otherwise(): string {
  return canChooseFolder() ? "Choose a folder to save to, or free some space." : "Free some space, use another browser, or receive it with the command line: switchyard receive.";
}
