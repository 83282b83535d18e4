// What all of our disks have in common. docs/transfer.md (The browser's disk) says which is used when.
import type { Disk, Entry } from "../../../sdk/src/transfer/disk";
import type { Problem } from "../../../sdk/src/transfer/shape";

/** What a complete transfer has left, to be opened and saved. */
export interface Saved {
  /** Where it is, as the end of a sentence: "in the folder Pictures". */
  readonly where: string;
  /** One can have single files of it here. */
  readonly files: readonly SavedFile[];
  /** Gives all of it to the browser's downloads; undefined where it is where it belongs already. */
  save?(): Promise<void>;
}

export interface SavedFile {
  path: string;
  size: number;
  blob(): Promise<Blob>;
}

export type DiskKind = "folder" | "storage" | "stream" | "memory";

/** A disk of a page. */
export interface PageDisk extends Disk {
  readonly kind: DiskKind;
  /** A closed tab can go on with it. */
  readonly lasts: boolean;
  /** After finish(). */
  saved(): Saved;
}

export class DiskError extends Error implements Problem {
  override readonly name = "DiskError";

  constructor(
    readonly code: "disk-full" | "disk",
    message: string,
  ) {
    super(message);
  }
}

/** A refusal of the browser's storage in our words. */
export function diskError(e: unknown): DiskError {
  if (e instanceof DiskError) return e;
  const { name = "", message = "" } = (e ?? {}) as Partial<Error>;
  if (name === "QuotaExceededError" || /no space|disk full/i.test(message)) {
    return new DiskError("disk-full", "This device has no space left for it. Free some, then go on: what has come is kept.");
  }
  if (name === "NotAllowedError") return new DiskError("disk", "The browser may not write to that folder any more. Choose it again, then go on.");
  if (name === "NotFoundError") return new DiskError("disk", "The folder is not there any more. Choose another one.");
  if (name === "NoModificationAllowedError") return new DiskError("disk", "Another tab is writing the same files. Close that one, then go on here.");
  return new DiskError("disk", `The browser could not write the file${message ? `: ${message}` : ""}. Choose another folder, or try another browser.`);
}

export function bytesOf(entries: readonly Entry[]): number {
  return entries.reduce((n, e) => n + (e.s ?? 0), 0);
}

export function filesOf(entries: readonly Entry[]): Entry[] {
  return entries.filter((e) => !e.k);
}

/** What is kept of an offer. Of a choice of one file only that one is, without its folders. */
export function keptOf(entries: readonly Entry[], skip: readonly number[]): readonly Entry[] {
  if (skip.length === 0) return entries;
  const unwanted = new Set(skip);
  const kept = entries.filter((_, i) => !unwanted.has(i));
  const files = filesOf(kept);
  return files.length === 1 ? files : kept;
}

/** One file at the top, or the only one that was `chosen`: it is saved as itself. All else goes into an archive. */
export function isSingle(kept: readonly Entry[], chosen = false): boolean {
  return kept.length === 1 && !kept[0]?.k && (chosen || !kept[0]?.p.includes("/"));
}

/** Begins a download as a click on a link does. */
export function download(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const a = document.createElement("a");
  a.href = url;
  a.download = name;
  document.body.append(a);
  a.click();
  a.remove();
  setTimeout(() => URL.revokeObjectURL(url), 3_600_000); // a slow disk may still be reading from it
}
