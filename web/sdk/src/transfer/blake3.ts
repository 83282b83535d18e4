// BLAKE3 (https://github.com/BLAKE3-team/BLAKE3-specs), as far as files need it: chaining values of pieces, and roots. What is
// long goes four at once through WebAssembly where there is any.
import type { Bytes } from "./bytes";
import { blockSize, chunkSize, flag, hashSize, iv, schedule } from "./blake3tables";
import { loadFour, type Four } from "./blake3wasm";

export { chunkSize, hashSize } from "./blake3tables";

const order = Uint8Array.from(schedule.flat());
const v = new Int32Array(16);
const m = new Int32Array(16);

function mix(a: number, b: number, c: number, d: number, x: number, y: number): void {
  let va = v[a]!, vb = v[b]!, vc = v[c]!, vd = v[d]!;
  va = (va + vb + x) | 0;
  vd ^= va;
  vd = (vd >>> 16) | (vd << 16);
  vc = (vc + vd) | 0;
  vb ^= vc;
  vb = (vb >>> 12) | (vb << 20);
  va = (va + vb + y) | 0;
  vd ^= va;
  vd = (vd >>> 8) | (vd << 24);
  vc = (vc + vd) | 0;
  vb ^= vc;
  v[a] = va;
  v[b] = (vb >>> 7) | (vb << 25);
  v[c] = vc;
  v[d] = vd;
}

/** The compression function on the message in `m`; its result replaces `cv`. */
function compress(cv: Int32Array, counter: number, length: number, flags: number): void {
  v.set(cv);
  for (let i = 0; i < 4; i++) v[8 + i] = iv[i]!;
  v[12] = counter | 0;
  v[13] = Math.floor(counter / 2 ** 32) | 0;
  v[14] = length;
  v[15] = flags;
  for (let r = 0; r < 112; r += 16) {
    mix(0, 4, 8, 12, m[order[r]!]!, m[order[r + 1]!]!);
    mix(1, 5, 9, 13, m[order[r + 2]!]!, m[order[r + 3]!]!);
    mix(2, 6, 10, 14, m[order[r + 4]!]!, m[order[r + 5]!]!);
    mix(3, 7, 11, 15, m[order[r + 6]!]!, m[order[r + 7]!]!);
    mix(0, 5, 10, 15, m[order[r + 8]!]!, m[order[r + 9]!]!);
    mix(1, 6, 11, 12, m[order[r + 10]!]!, m[order[r + 11]!]!);
    mix(2, 7, 8, 13, m[order[r + 12]!]!, m[order[r + 13]!]!);
    mix(3, 4, 9, 14, m[order[r + 14]!]!, m[order[r + 15]!]!);
  }
  for (let i = 0; i < 8; i++) cv[i] = v[i]! ^ v[i + 8]!;
}

/** Reads a block into `m`; what is missing is zero. */
function load(view: DataView, from: number, length: number): void {
  if (length === blockSize) {
    for (let i = 0; i < 16; i++) m[i] = view.getInt32(from + 4 * i, true);
    return;
  }
  m.fill(0);
  for (let i = 0; i < length; i++) m[i >> 2]! |= view.getUint8(from + i) << (8 * (i & 3));
}

function store(cv: Int32Array, out: Uint8Array, at: number): void {
  const view = new DataView(out.buffer, out.byteOffset);
  for (let i = 0; i < 8; i++) view.setInt32(at + 4 * i, cv[i]!, true);
}

/** One chunk of at most 1024 bytes. */
function chunk(bytes: Uint8Array, counter: number, last: number, out: Uint8Array, at: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const cv = iv.slice();
  const blocks = Math.max(1, Math.ceil(bytes.length / blockSize));
  for (let i = 0; i < blocks; i++) {
    const length = Math.min(blockSize, bytes.length - i * blockSize);
    load(view, i * blockSize, length);
    const flags = (i === 0 ? flag.chunkStart : 0) | (i === blocks - 1 ? flag.chunkEnd | last : 0);
    compress(cv, counter, length, flags);
  }
  store(cv, out, at);
}

function parent(pair: Uint8Array, last: number, out: Uint8Array, at: number): void {
  load(new DataView(pair.buffer, pair.byteOffset, blockSize), 0, blockSize);
  const cv = iv.slice();
  compress(cv, 0, blockSize, flag.parent | last);
  store(cv, out, at);
}

/** Makes one level of parents out of the `n` chaining values in `cvs`, in place; the last one goes up alone where they are odd. */
function level(cvs: Uint8Array, n: number, four: Four | undefined): number {
  const pairs = n >> 1;
  let done = 0;
  if (four && pairs >= 4) done = four.parents(cvs, pairs >> 2) * 4;
  for (; done < pairs; done++) parent(cvs.subarray(done * 2 * hashSize), 0, cvs, done * hashSize);
  if (n & 1) cvs.copyWithin(pairs * hashSize, (n - 1) * hashSize, n * hashSize);
  return pairs + (n & 1);
}

/** Joins the chaining values of two or more subtrees of one size (but the last) into the one above them. */
function join(cvs: Bytes, last: number, four?: Four): Bytes {
  let n = cvs.length / hashSize;
  while (n > 2) n = level(cvs, n, four);
  const out = new Uint8Array(hashSize);
  parent(cvs, last, out, 0);
  return out;
}

/** The root of a file of several pieces, out of their chaining values one after the other. */
export function rootOf(cvs: Uint8Array): Bytes {
  return join(new Uint8Array(cvs), flag.root);
}

/** Hasher hashes pieces. */
export class Hasher {
  #four: Four | undefined;

  /** Without vectors (`false`) it is slow. */
  constructor(four: Four | false = loadFour() ?? false) {
    this.#four = four || undefined;
  }

  /** The hash of a whole file. */
  root(bytes: Uint8Array): Bytes {
    return this.#subtree(bytes, 0, flag.root);
  }

  /** The chaining value of a piece that stands `chunks` chunks behind the beginning of its file. */
  piece(bytes: Uint8Array, chunks: number): Bytes {
    return this.#subtree(bytes, chunks, 0);
  }

  #subtree(bytes: Uint8Array, counter: number, last: number): Bytes {
    const n = Math.max(1, Math.ceil(bytes.length / chunkSize));
    const cvs = new Uint8Array(n * hashSize);
    if (n === 1) {
      chunk(bytes, counter, last, cvs, 0);
      return cvs;
    }
    let done = 0;
    const groups = Math.floor(bytes.length / (4 * chunkSize));
    if (this.#four && groups > 0) done = 4 * this.#four.chunks(bytes, groups, counter, cvs);
    for (; done < n; done++) {
      chunk(bytes.subarray(done * chunkSize, (done + 1) * chunkSize), counter + done, 0, cvs, done * hashSize);
    }
    return join(cvs, last, this.#four);
  }
}
