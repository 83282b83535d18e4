// The messages of docs/transfer.md, to bytes and back. What does not parse is undefined: the other end is not one of ours.
import { concat, fromUTF8, utf8, type Bytes } from "./bytes";
import type { Entry } from "./disk";
import { hashSize } from "./blake3";
import { maxMessage } from "./lane";

export const kind = { control: 0, data: 1, piece: 2, same: 3, have: 4, end: 5, got: 6, again: 7, progress: 8, packed: 9 } as const;

export const dataHeader = 13;
export const packedHeader = 17;
export const maxHave = 2000; // hashes in one message
export const maxRanges = 2500; // entries to skip, in one message
const endLength = 44;
const gotLength = 36;
export const maxEnds = Math.floor((maxMessage - 1) / endLength);
export const maxGots = Math.floor((maxMessage - 1) / gotLength);

export interface OfferMessage {
  type: "offer";
  id: string;
  name: string;
  kind: "files" | "text";
  entries: number;
  files: number;
  bytes: number;
  piece: number;
  packs?: string[];
  /** What the sender can do beyond the first form of this protocol. */
  knows?: string[];
}

/** Entries that follow each other: the first, and how many. */
export type Range = [first: number, count: number];

/** How much a receiver takes of an offer, when not all. */
export interface Wanted {
  files: number;
  bytes: number;
}

export type Control =
  | OfferMessage
  | { type: "entries"; from: number; entries: Entry[] }
  | { type: "offered" }
  | { type: "skip"; skip: Range[] }
  | { type: "accept"; window: number; pack?: string; skip?: Range[]; ordered?: boolean; wanted?: Wanted }
  | { type: "done" }
  | { type: "bye" }
  | { type: "cancel"; reason: string; later?: boolean }
  | { type: "error"; text: string; entry?: number };

export interface End {
  entry: number;
  size: number;
  root: Bytes;
}

export interface Got {
  entry: number;
  root: Bytes;
}

export type Message =
  | { kind: "control"; control: Control }
  | { kind: "data"; entry: number; offset: number; bytes: Bytes }
  | { kind: "piece"; entry: number; piece: number; hash: Bytes }
  | { kind: "same"; entry: number; first: number; count: number }
  | { kind: "have"; entry: number; first: number; hashes: Bytes }
  | { kind: "end"; ends: End[] }
  | { kind: "got"; gots: Got[] }
  | { kind: "again"; entry: number; piece: number }
  | { kind: "progress"; taken: number; verified: number }
  | { kind: "packed"; entry: number; piece: number; size: number; offset: number; bytes: Bytes };

/** Reads a message. Its bytes and hashes are parts of it. */
export function parseMessage(m: Bytes): Message | undefined {
  if (m.length < 2 || m.length > maxMessage) return undefined;
  const view = new DataView(m.buffer, m.byteOffset, m.length);
  const n = (at: number) => view.getUint32(at);
  switch (m[0]) {
    case kind.control:
      return parseControl(m);
    case kind.data: {
      const offset = long(view, 5, m.length);
      return m.length <= dataHeader || offset === undefined ? undefined : { kind: "data", entry: n(1), offset, bytes: m.subarray(dataHeader) };
    }
    case kind.piece:
      return m.length !== 41 ? undefined : { kind: "piece", entry: n(1), piece: n(5), hash: m.subarray(9) };
    case kind.same:
      return m.length !== 13 || n(9) === 0 ? undefined : { kind: "same", entry: n(1), first: n(5), count: n(9) };
    case kind.have: {
      const length = m.length - 9;
      if (length <= 0 || length % hashSize !== 0 || length / hashSize > maxHave) return undefined;
      return { kind: "have", entry: n(1), first: n(5), hashes: m.subarray(9) };
    }
    case kind.end:
      return parseEnds(m, view);
    case kind.got:
      if ((m.length - 1) % gotLength !== 0) return undefined;
      return { kind: "got", gots: places(m, gotLength).map((at) => ({ entry: n(at), root: m.subarray(at + 4, at + gotLength) })) };
    case kind.again:
      return m.length !== 9 ? undefined : { kind: "again", entry: n(1), piece: n(5) };
    case kind.progress: {
      const [taken, verified] = [long(view, 1, m.length), long(view, 9, m.length)];
      return m.length !== 17 || taken === undefined || verified === undefined ? undefined : { kind: "progress", taken, verified };
    }
    case kind.packed: {
      if (m.length <= packedHeader) return undefined;
      const [size, offset, bytes] = [n(9), n(13), m.subarray(packedHeader)];
      return offset + bytes.length > size ? undefined : { kind: "packed", entry: n(1), piece: n(5), size, offset, bytes };
    }
  }
  return undefined;
}

function parseEnds(m: Bytes, view: DataView): Message | undefined {
  if ((m.length - 1) % endLength !== 0) return undefined;
  const ends: End[] = [];
  for (const at of places(m, endLength)) {
    const size = long(view, at + 4, m.length);
    if (size === undefined) return undefined;
    ends.push({ entry: view.getUint32(at), size, root: m.subarray(at + 12, at + endLength) });
  }
  return { kind: "end", ends };
}

function places(m: Bytes, length: number): number[] {
  return Array.from({ length: (m.length - 1) / length }, (_, i) => 1 + i * length);
}

/** A number of 8 bytes; undefined where it is cut off or larger than numbers here can be. */
function long(view: DataView, at: number, length: number): number | undefined {
  if (at + 8 > length) return undefined;
  const value = view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4);
  return Number.isSafeInteger(value) ? value : undefined;
}

function parseControl(m: Bytes): Message | undefined {
  try {
    const control = checkControl(JSON.parse(fromUTF8(m.subarray(1))));
    return control && { kind: "control", control };
  } catch {
    return undefined;
  }
}

type Fields = Readonly<Record<string, unknown>>;

const isText = (v: unknown): v is string => typeof v === "string";
const isCount = (v: unknown): v is number => Number.isSafeInteger(v) && (v as number) >= 0;
const isFields = (v: unknown): v is Fields => typeof v === "object" && v !== null && !Array.isArray(v);
const isAbsent = (v: unknown) => v === undefined || v === null;

function checkControl(value: unknown): Control | undefined {
  if (!isFields(value)) return undefined;
  const ok = checks[value["type"] as Control["type"]]?.(value) ?? false;
  return ok ? (value as unknown as Control) : undefined;
}

const checks: Record<Control["type"], (c: Fields) => boolean> = {
  offer: (c) =>
    [c["id"], c["name"], c["kind"]].every(isText) && [c["entries"], c["files"], c["bytes"], c["piece"]].every(isCount) &&
    [c["packs"], c["knows"]].every((v) => isAbsent(v) || (Array.isArray(v) && v.every(isText))),
  entries: (c) => isCount(c["from"]) && Array.isArray(c["entries"]) && c["entries"].every(isEntry),
  offered: () => true,
  skip: (c) => isRanges(c["skip"]),
  accept: (c) =>
    isCount(c["window"]) && (isAbsent(c["pack"]) || isText(c["pack"])) &&
    (isAbsent(c["skip"]) || isRanges(c["skip"])) && (isAbsent(c["wanted"]) || isWanted(c["wanted"])),
  done: () => true,
  bye: () => true,
  cancel: (c) => (isAbsent(c["reason"]) || isText(c["reason"])) && (isAbsent(c["later"]) || typeof c["later"] === "boolean"),
  error: (c) => isText(c["text"]) && (isAbsent(c["entry"]) || isCount(c["entry"])),
};

function isRanges(v: unknown): boolean {
  return Array.isArray(v) && v.every((s) => Array.isArray(s) && s.length === 2 && s.every(isCount));
}

function isWanted(v: unknown): boolean {
  return isFields(v) && isCount(v["files"]) && isCount(v["bytes"]);
}

function isEntry(e: unknown): boolean {
  if (!isFields(e) || !isText(e["p"])) return false;
  const count = (v: unknown) => isAbsent(v) || isCount(v);
  const text = (v: unknown) => isAbsent(v) || isText(v);
  return text(e["k"]) && text(e["to"]) && count(e["s"]) && count(e["m"]) && (isAbsent(e["t"]) || Number.isSafeInteger(e["t"]));
}

// ---- writing ----

export function controlMessage(control: Control): Bytes {
  return concat([kind.control], utf8(JSON.stringify(control)));
}

/** Writes a data message's header in front of the bytes that follow in the same buffer. */
export function putDataHeader(m: Bytes, entry: number, offset: number): void {
  const view = new DataView(m.buffer, m.byteOffset, m.length);
  view.setUint8(0, kind.data);
  view.setUint32(1, entry);
  putLong(view, 5, offset);
}

export function pieceMessage(entry: number, piece: number, hash: Uint8Array): Bytes {
  return concat(numbers(kind.piece, entry, piece), hash);
}

export function sameMessage(entry: number, first: number, count: number): Bytes {
  return numbers(kind.same, entry, first, count);
}

export function haveMessage(entry: number, first: number, hashes: Uint8Array): Bytes {
  return concat(numbers(kind.have, entry, first), hashes);
}

/** At most `maxEnds`. */
export function endMessage(ends: readonly End[]): Bytes {
  const parts = ends.flatMap(({ entry, size, root }) => {
    const head = new Uint8Array(12);
    const view = new DataView(head.buffer);
    view.setUint32(0, entry);
    putLong(view, 4, size);
    return [head, root];
  });
  return concat([kind.end], ...parts);
}

/** At most `maxGots`. */
export function gotMessage(gots: readonly Got[]): Bytes {
  return concat([kind.got], ...gots.flatMap(({ entry, root }) => [numbers(0, entry).subarray(1), root]));
}

export function againMessage(entry: number, piece: number): Bytes {
  return numbers(kind.again, entry, piece);
}

export function progressMessage(taken: number, verified: number): Bytes {
  const m = new Uint8Array(17);
  const view = new DataView(m.buffer);
  view.setUint8(0, kind.progress);
  putLong(view, 1, taken);
  putLong(view, 9, verified);
  return m;
}

function numbers(first: number, ...values: number[]): Bytes {
  const m = new Uint8Array(1 + 4 * values.length);
  m[0] = first;
  const view = new DataView(m.buffer);
  values.forEach((value, i) => view.setUint32(1 + 4 * i, value));
  return m;
}

function putLong(view: DataView, at: number, value: number): void {
  view.setUint32(at, Math.floor(value / 2 ** 32));
  view.setUint32(at + 4, value % 2 ** 32);
}
