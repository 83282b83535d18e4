// What a person drops, chooses or pastes, as things to send.
import type { SendItem } from "../../../sdk/src/transfer/shape";
import { screenshotName } from "./names";

/** What one may drop or paste. */
export interface Gathered {
  items: SendItem[];
  /** Where there are no files: what was pasted as text. */
  text: string;
}

/** Files of an <input>; where a folder was chosen, with their paths in it. */
export function fromInput(files: Iterable<File>): SendItem[] {
  return [...files].map((file) => ({ path: file.webkitRelativePath || file.name, file, modified: file.lastModified }));
}

/** What was dropped. It must be called in the event itself: the browser forgets the data after it. */
export async function fromDrop(data: DataTransfer): Promise<Gathered> {
  const entries = [...data.items].filter((i) => i.kind === "file").map((i) => i.webkitGetAsEntry?.() ?? i.getAsFile());
  const text = data.getData("text/plain");
  const items: SendItem[] = [];
  for (const e of entries) {
    if (e instanceof File) items.push(...fromInput([e]));
    else if (e) await walk(e, items);
  }
  return { items, text: items.length > 0 ? "" : text };
}

/** What was pasted: an image becomes a file with the time as its name. */
export function fromPaste(data: DataTransfer, now = new Date()): Gathered {
  const items = [...data.files].map((file): SendItem => {
    // Browsers name every image on the clipboard so: it says nothing.
    const nameless = /^image\.\w+$/.test(file.name) || file.name === "";
    const ending = /^image\/(\w+)/.exec(file.type)?.[1]?.replace("jpeg", "jpg") ?? "png";
    return { path: nameless ? screenshotName(now, ending) : file.name, file, modified: nameless ? now.getTime() : file.lastModified };
  });
  return { items, text: items.length > 0 ? "" : data.getData("text/plain") };
}

/** A folder and all that is in it, also what is empty. */
async function walk(entry: FileSystemEntry, into: SendItem[]): Promise<void> {
  const path = entry.fullPath.replace(/^\//, "");
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    into.push({ path, file, modified: file.lastModified });
    return;
  }
  into.push({ path, folder: true });
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject)); // at most 100 at once
    if (some.length === 0) return;
    for (const e of some) await walk(e, into);
  }
}

/** Adds what is new. Two things of one name at the top cannot both be sent: the later one gets another name. */
export function joinItems(before: readonly SendItem[], more: readonly SendItem[]): SendItem[] {
  const taken = new Set(before.map((i) => top(i.path).toLowerCase()));
  const names = new Map<string, string>();
  for (const i of more) {
    const name = top(i.path);
    if (!names.has(name)) names.set(name, free(name, taken));
  }
  return [...before, ...more.map((i) => ({ ...i, path: (names.get(top(i.path)) ?? top(i.path)) + i.path.slice(top(i.path).length) }))];
}

function free(name: string, taken: Set<string>): string {
  let found = name;
  const dot = name.lastIndexOf(".") > 0 ? name.lastIndexOf(".") : name.length;
  for (let n = 2; taken.has(found.toLowerCase()); n++) found = `${name.slice(0, dot)} (${n})${name.slice(dot)}`;
  taken.add(found.toLowerCase());
  return found;
}

function top(path: string): string {
  return path.split("/", 1)[0] ?? path;
}

/** One line of a list: a file, or a folder with all that is in it. */
export interface Line {
  name: string;
  folder: boolean;
  files: number;
  bytes: number;
}

/** What lies at the top, in the order in which it came. */
export function topLines(all: Iterable<{ path: string; size: number; folder: boolean }>): Line[] {
  const lines = new Map<string, Line>();
  for (const { path, size, folder } of all) {
    const name = top(path);
    const line = lines.get(name) ?? { name, folder: false, files: 0, bytes: 0 };
    line.folder ||= folder || path.includes("/");
    line.bytes += size;
    if (!folder) line.files++;
    lines.set(name, line);
  }
  return [...lines.values()];
}

export function itemLines(items: readonly SendItem[]): Line[] {
  return topLines(items.map((i) => ("file" in i ? { path: i.path, size: i.file.size, folder: false } : { path: i.path, size: 0, folder: true })));
}

/** Without what stands under this name at the top. */
export function without(items: readonly SendItem[], name: string): SendItem[] {
  return items.filter((i) => top(i.path) !== name);
}
