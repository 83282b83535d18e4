// BLAKE3's compression function for four inputs at once, in WebAssembly with its 128-bit vectors. The module is written here,
// instruction by instruction, when it is needed: that is shorter than the bytes, and can be read. Word i of all four inputs
// stands in one vector, so that the four are hashed by the same instructions.
import { chunkSize, flag, hashSize, iv, schedule } from "./blake3tables";

/** Hashes four chunks, or four pairs of chaining values, by one call. */
export interface Four {
  /** Hashes `groups` of four whole chunks each, of which the first is number `counter` of its file. Returns how many were done. */
  chunks(bytes: Uint8Array, groups: number, counter: number, out: Uint8Array): number;
  /** Makes parents of `groups` of four pairs each, in place. Returns how many were done. */
  parents(cvs: Uint8Array, groups: number): number;
}

interface Exports {
  memory: WebAssembly.Memory;
  four(input: number, stride: number, blocks: number, low: number, high: number, step: number, flags: number, first: number, last: number, output: number): void;
}

/** Undefined where WebAssembly is not there, has no vectors, or the page's policy forbids it: then plain code does it. */
export function loadFour(): Four | undefined {
  try {
    const instance = new WebAssembly.Instance(new WebAssembly.Module(moduleBytes()));
    return new WasmFour(instance.exports as unknown as Exports);
  } catch {
    return undefined;
  }
}

const slab = 16; // groups that are copied into the module's memory at once: 64 KiB
const outputAt = slab * 4 * chunkSize;
const pages = 2; // of 64 KiB

class WasmFour implements Four {
  #memory: Uint8Array;

  constructor(readonly exports: Exports) {
    this.#memory = new Uint8Array(exports.memory.buffer);
  }

  chunks(bytes: Uint8Array, groups: number, counter: number, out: Uint8Array): number {
    const size = 4 * chunkSize;
    for (let done = 0; done < groups; done += slab) {
      const n = Math.min(slab, groups - done);
      this.#memory.set(bytes.subarray(done * size, (done + n) * size));
      for (let i = 0; i < n; i++) {
        const c = counter + 4 * (done + i);
        const high = Math.floor(c / 2 ** 32);
        this.exports.four(i * size, chunkSize, 16, c | 0, high, 1, 0, flag.chunkStart, flag.chunkEnd, outputAt + i * 4 * hashSize);
      }
      out.set(this.#memory.subarray(outputAt, outputAt + n * 4 * hashSize), done * 4 * hashSize);
    }
    return groups;
  }

  parents(cvs: Uint8Array, groups: number): number {
    const size = 8 * hashSize;
    for (let done = 0; done < groups; done += slab) {
      const n = Math.min(slab, groups - done);
      this.#memory.set(cvs.subarray(done * size, (done + n) * size));
      for (let i = 0; i < n; i++) this.exports.four(i * size, 2 * hashSize, 1, 0, 0, 0, flag.parent, 0, 0, outputAt + i * 4 * hashSize);
      cvs.set(this.#memory.subarray(outputAt, outputAt + n * 4 * hashSize), done * 4 * hashSize);
    }
    return groups;
  }
}

// ---- the module ----

type Code = number[];

/** A number in LEB128; signed, as constants are. */
function leb(n: number): Code {
  const out: Code = [];
  for (n |= 0; ; n >>= 7) {
    const byte = n & 0x7f;
    const rest = n >> 7;
    if ((rest === 0 && !(byte & 0x40)) || (rest === -1 && byte & 0x40)) return [...out, byte];
    out.push(byte | 0x80);
  }
}

/** A number that is not negative, as counts and indices are. */
function size(n: number): Code {
  return n < 128 ? [n] : [(n & 0x7f) | 0x80, ...size(n >>> 7)];
}

const section = (id: number, content: Code): Code => [id, ...size(content.length), ...content];
const name = (text: string): Code => [text.length, ...[...text].map((c) => c.charCodeAt(0))];

const i32 = 0x7f;
const v128 = 0x7b;
const parameters = 10;
const [input, stride, blocks, low, high, step, flags, first, last, output] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] as const;
const left = parameters; // blocks that are left
const vectors = parameters + 1; // where the vectors' numbers begin
const cv = (i: number) => vectors + i;
const state = (i: number) => vectors + 8 + i;
const message = (i: number) => vectors + 24 + i;
const counterLow = vectors + 40;
const counterHigh = vectors + 41;
const scratch = (i: number) => vectors + 42 + i;
const vectorCount = 50;

const get = (local: number): Code => [0x20, ...size(local)];
const set = (local: number): Code => [0x21, ...size(local)];
const constant = (n: number): Code => [0x41, ...leb(n)];
const simd = (op: number, ...rest: Code): Code => [0xfd, ...size(op), ...rest];
const splat = simd(0x11);
const xor = simd(0x51);
const or = simd(0x50);
const add = simd(0xae);
const addI32 = 0x6a;
const mulI32 = 0x6c;

/** Chooses bytes out of two vectors, 16 numbers from 0 to 31. */
const shuffle = (bytes: Code): Code => simd(0x0d, ...bytes);
const words = (...w: number[]): Code => shuffle(w.flatMap((i) => [4 * i, 4 * i + 1, 4 * i + 2, 4 * i + 3]));

function moduleBytes(): Uint8Array<ArrayBuffer> {
  const body = [...[2, 1, i32, vectorCount, v128], ...code(), 0x0b];
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, parameters, ...Array<number>(parameters).fill(i32), 0]),
    ...section(3, [1, 0]),
    ...section(5, [1, 0, pages]),
    ...section(7, [2, ...name("memory"), 2, 0, ...name("four"), 0, 0]),
    ...section(10, [1, ...size(body.length), ...body]),
  ]);
}

function code(): Code {
  return [
    ...counters(),
    ...each(8, (i) => [...constant(iv[i]!), ...splat, ...set(cv(i))]),
    ...[...get(blocks), ...set(left)],
    ...[0x03, 0x40], // loop
    ...each(4, (i) => transposed((k) => loadInput(k, 16 * i), (k) => message(4 * i + k))),
    ...begin(),
    ...schedule.flatMap((order) => round(order)),
    ...each(8, (i) => [...get(state(i)), ...get(state(i + 8)), ...xor, ...set(cv(i))]),
    ...[...get(input), ...constant(64), addI32, ...set(input)],
    ...[...get(left), ...constant(-1), addI32, 0x22, ...size(left), 0x0d, 0], // tee, br_if to the loop
    0x0b,
    ...transposed((k) => get(cv(k)), (k) => scratch(4 + k)),
    ...each(4, (k) => storeOutput(32 * k, scratch(4 + k))),
    ...transposed((k) => get(cv(4 + k)), (k) => scratch(4 + k)),
    ...each(4, (k) => storeOutput(32 * k + 16, scratch(4 + k))),
  ];
}

const each = (n: number, make: (i: number) => Code): Code => Array.from({ length: n }, (_, i) => make(i)).flat();

/** The chunks' numbers: low + (0, 1, 2, 3) * step. The four never cross a border of 2^32, as they begin at a multiple of four. */
function counters(): Code {
  const steps = [0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0];
  return [
    ...[...get(low), ...splat, ...simd(0x0c, ...steps), ...get(step), ...splat, ...simd(0xb5), ...add, ...set(counterLow)],
    ...[...get(high), ...splat, ...set(counterHigh)],
  ];
}

/** 16 bytes of input k. */
function loadInput(k: number, offset: number): Code {
  return [...get(input), ...get(stride), ...constant(k), mulI32, addI32, ...simd(0x00, 0, ...size(offset))];
}

function storeOutput(offset: number, from: number): Code {
  return [...get(output), ...get(from), ...simd(0x0b, 0, ...size(offset))];
}

/** Four vectors of four words, rows to columns. */
function transposed(row: (k: number) => Code, column: (k: number) => number): Code {
  const pair = (a: number, b: number, low: boolean, to: number) => [...row(a), ...row(b), ...(low ? words(0, 4, 1, 5) : words(2, 6, 3, 7)), ...set(scratch(to))];
  const join = (a: number, b: number, low: boolean, to: number) => [...get(scratch(a)), ...get(scratch(b)), ...(low ? words(0, 1, 4, 5) : words(2, 3, 6, 7)), ...set(column(to))];
  return [
    ...[...pair(0, 1, true, 0), ...pair(0, 1, false, 1), ...pair(2, 3, true, 2), ...pair(2, 3, false, 3)],
    ...[...join(0, 2, true, 0), ...join(0, 2, false, 1), ...join(1, 3, true, 2), ...join(1, 3, false, 3)],
  ];
}

/** The state before the first round. */
function begin(): Code {
  const flagIf = (equal: Code, f: number): Code => [...get(f), ...constant(0), ...equal, 0x1b]; // select
  const isFirst = [...get(left), ...get(blocks), 0x46];
  const isLast = [...get(left), ...constant(1), 0x46];
  return [
    ...each(8, (i) => [...get(cv(i)), ...set(state(i))]),
    ...each(4, (i) => [...constant(iv[i]!), ...splat, ...set(state(8 + i))]),
    ...[...get(counterLow), ...set(state(12)), ...get(counterHigh), ...set(state(13))],
    ...[...constant(64), ...splat, ...set(state(14))],
    ...[...get(flags), ...flagIf(isFirst, first), 0x72, ...flagIf(isLast, last), 0x72, ...splat, ...set(state(15))],
  ];
}

function round(order: readonly number[]): Code {
  const quarters = [[0, 4, 8, 12], [1, 5, 9, 13], [2, 6, 10, 14], [3, 7, 11, 15], [0, 5, 10, 15], [1, 6, 11, 12], [2, 7, 8, 13], [3, 4, 9, 14]] as const;
  return quarters.flatMap(([a, b, c, d], i) => [
    ...half(a, b, c, d, order[2 * i]!, rotateBytes(2), rotateBits(12)),
    ...half(a, b, c, d, order[2 * i + 1]!, rotateBytes(1), rotateBits(7)),
  ]);
}

function half(a: number, b: number, c: number, d: number, word: number, rotateD: Code, rotateB: Code): Code {
  return [
    ...[...get(state(a)), ...get(state(b)), ...add, ...get(message(word)), ...add, ...set(state(a))],
    ...[...get(state(d)), ...get(state(a)), ...xor, ...set(scratch(0)), ...rotateD, ...set(state(d))],
    ...[...get(state(c)), ...get(state(d)), ...add, ...set(state(c))],
    ...[...get(state(b)), ...get(state(c)), ...xor, ...set(scratch(0)), ...rotateB, ...set(state(b))],
  ];
}

/** The scratch vector's words, rotated right by whole bytes. */
function rotateBytes(n: number): Code {
  return [...get(scratch(0)), ...get(scratch(0)), ...shuffle(Array.from({ length: 16 }, (_, i) => (i & 12) | ((i + n) & 3)))];
}

function rotateBits(n: number): Code {
  return [...get(scratch(0)), ...constant(n), ...simd(0xad), ...get(scratch(0)), ...constant(32 - n), ...simd(0xab), ...or];
}
