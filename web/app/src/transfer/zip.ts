// A ZIP archive without compression (APPNOTE 6.3.10, method 0), made of pieces: what stands before and after each file, and
// the directory at the end. Files and archives over 4 GB are written as zip64 (§4.5.3).
import type { Entry } from "../../../sdk/src/transfer/disk";

/** Builds the bytes between the files. Ask in this order: before(), (the file's bytes,) after(), for each entry; then end(). */
export class ZipWriter {
  #records: Uint8Array<ArrayBuffer>[] = [];
  #offset = 0;
  #current?: { entry: Entry; offset: number };

  /** `crc` where it is known before the bytes are; else after() tells it. */
  before(entry: Entry, crc?: number): Uint8Array<ArrayBuffer> {
    this.#current = { entry, offset: this.#offset };
    const bytes = localHeader(entry, crc);
    this.#offset += bytes.length + sizeOf(entry);
    return bytes;
  }

  /** What follows the bytes of a file: nothing where before() knew its sum. */
  after(crc: number, told: boolean): Uint8Array<ArrayBuffer> {
    const { entry, offset } = this.#current!;
    this.#records.push(directoryRecord(entry, crc, offset, !told));
    const bytes = told ? new Uint8Array(0) : descriptor(entry, crc);
    this.#offset += bytes.length;
    return bytes;
  }

  end(): Uint8Array<ArrayBuffer>[] {
    const size = this.#records.reduce((n, r) => n + r.length, 0);
    return [...this.#records, trailer(this.#records.length, size, this.#offset)];
  }
}

/** How long the archive of these entries is, when sums are told after the bytes. */
export function zipSize(entries: readonly Entry[]): number {
  const zip = new ZipWriter();
  let size = 0;
  for (const e of entries) size += zip.before(e, isFolder(e) ? 0 : undefined).length + sizeOf(e) + zip.after(0, isFolder(e)).length;
  return size + zip.end().reduce((n, r) => n + r.length, 0);
}

export function isFolder(entry: Entry): boolean {
  return entry.k === "d";
}

function sizeOf(entry: Entry): number {
  return isFolder(entry) ? 0 : entry.s ?? 0;
}

const big = 0xffffffff; // stands for "see the zip64 field"
const named = 0x0800; // bit 11: the name is UTF-8
const later = 0x0008; // bit 3: sum and sizes follow the bytes

function isBig(entry: Entry): boolean {
  return sizeOf(entry) >= big;
}

/** §4.3.7. */
function localHeader(entry: Entry, crc: number | undefined): Uint8Array<ArrayBuffer> {
  const name = nameOf(entry);
  const extra = isBig(entry) ? zip64([sizeOf(entry), sizeOf(entry)]) : new Uint8Array(0);
  const w = new Writer(30 + name.length + extra.length);
  w.u32(0x04034b50).u16(isBig(entry) ? 45 : 20).u16(named | (crc === undefined ? later : 0)).u16(0);
  w.time(entry.t).u32(crc ?? 0);
  const size = isBig(entry) ? big : crc === undefined ? 0 : sizeOf(entry);
  return w.u32(size).u32(size).u16(name.length).u16(extra.length).bytes(name).bytes(extra).done;
}

/** §4.3.9: with 8-byte sizes where the entry has a zip64 field. */
function descriptor(entry: Entry, crc: number): Uint8Array<ArrayBuffer> {
  const w = new Writer(isBig(entry) ? 24 : 16).u32(0x08074b50).u32(crc);
  for (let i = 0; i < 2; i++) isBig(entry) ? w.u64(sizeOf(entry)) : w.u32(sizeOf(entry));
  return w.done;
}

/** §4.3.12. */
function directoryRecord(entry: Entry, crc: number, offset: number, isLater: boolean): Uint8Array<ArrayBuffer> {
  const name = nameOf(entry);
  const far = offset >= big;
  const fields = [...(isBig(entry) ? [sizeOf(entry), sizeOf(entry)] : []), ...(far ? [offset] : [])];
  const extra = fields.length > 0 ? zip64(fields) : new Uint8Array(0);
  const w = new Writer(46 + name.length + extra.length);
  w.u32(0x02014b50).u16((3 << 8) | 45).u16(fields.length > 0 ? 45 : 20).u16(named | (isLater ? later : 0)).u16(0); // made on Unix: it has permission bits
  w.time(entry.t).u32(crc);
  const size = isBig(entry) ? big : sizeOf(entry);
  w.u32(size).u32(size).u16(name.length).u16(extra.length).u16(0).u16(0).u16(0);
  return w.u32(attributes(entry)).u32(far ? big : offset).bytes(name).bytes(extra).done;
}

/** The end of the directory, in both forms where one is not enough (§4.3.14 to §4.3.16). */
function trailer(count: number, size: number, offset: number): Uint8Array<ArrayBuffer> {
  const long = count >= 0xffff || size >= big || offset >= big;
  const w = new Writer(long ? 98 : 22);
  if (long) {
    w.u32(0x06064b50).u64(44).u16((3 << 8) | 45).u16(45).u32(0).u32(0).u64(count).u64(count).u64(size).u64(offset);
    w.u32(0x07064b50).u32(0).u64(offset + size).u32(1);
  }
  const short = Math.min(count, 0xffff);
  return w.u32(0x06054b50).u16(0).u16(0).u16(short).u16(short).u32(Math.min(size, big)).u32(Math.min(offset, big)).u16(0).done;
}

function zip64(values: number[]): Uint8Array<ArrayBuffer> {
  const w = new Writer(4 + 8 * values.length).u16(1).u16(8 * values.length);
  for (const v of values) w.u64(v);
  return w.done;
}

function nameOf(entry: Entry): Uint8Array {
  return new TextEncoder().encode(isFolder(entry) ? `${entry.p}/` : entry.p);
}

function attributes(entry: Entry): number {
  const unix = isFolder(entry) ? 0o040000 | (entry.m ?? 0o755) : 0o100000 | (entry.m ?? 0o644);
  return ((unix << 16) | (isFolder(entry) ? 0x10 : 0)) >>> 0;
}

class Writer {
  readonly done: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  #at = 0;

  constructor(size: number) {
    this.done = new Uint8Array(size);
    this.#view = new DataView(this.done.buffer);
  }

  u16(n: number): this {
    this.#view.setUint16(this.#at, n, true);
    this.#at += 2;
    return this;
  }

  u32(n: number): this {
    this.#view.setUint32(this.#at, n, true);
    this.#at += 4;
    return this;
  }

  u64(n: number): this {
    this.#view.setBigUint64(this.#at, BigInt(n), true);
    this.#at += 8;
    return this;
  }

  bytes(b: Uint8Array): this {
    this.done.set(b, this.#at);
    this.#at += b.length;
    return this;
  }

  /** Local time in steps of two seconds, between 1980 and 2107 (§4.4.6). */
  time(ms: number | undefined): this {
    const t = new Date(ms ?? Date.now());
    const year = Math.min(2107, Math.max(1980, t.getFullYear()));
    this.u16((t.getHours() << 11) | (t.getMinutes() << 5) | (t.getSeconds() >> 1));
    return this.u16(((year - 1980) << 9) | ((t.getMonth() + 1) << 5) | t.getDate());
  }
}
