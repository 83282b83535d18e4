// QR codes after ISO/IEC 18004: byte mode, error correction level M, versions 1 to 10. That is up to
// 213 bytes, twice the longest link of ours. Structure: text, data codewords, blocks with their error
// correction, the matrix, and the mask that makes it easiest to read.

/** A square of modules; true is dark. Row by row, without the quiet zone of 4 that belongs around it. */
export interface QRCode {
  size: number;
  dark(row: number, column: number): boolean;
}

/** Error correction at level M (table 9): codewords per block, then how many blocks of how many data codewords. */
const blocksOf: Record<number, { check: number; blocks: [count: number, data: number][] }> = {
  1: { check: 10, blocks: [[1, 16]] },
  2: { check: 16, blocks: [[1, 28]] },
  3: { check: 26, blocks: [[1, 44]] },
  4: { check: 18, blocks: [[2, 32]] },
  5: { check: 24, blocks: [[2, 43]] },
  6: { check: 16, blocks: [[4, 27]] },
  7: { check: 18, blocks: [[4, 31]] },
  8: { check: 22, blocks: [[2, 38], [2, 39]] },
  9: { check: 22, blocks: [[3, 36], [2, 37]] },
  10: { check: 26, blocks: [[4, 43], [1, 44]] },
};

/** Rows and columns of the centres of alignment patterns (annex E). */
const alignment: Record<number, number[]> = {
  1: [], 2: [6, 18], 3: [6, 22], 4: [6, 26], 5: [6, 30], 6: [6, 34], 7: [6, 22, 38], 8: [6, 24, 42], 9: [6, 26, 46], 10: [6, 28, 50],
};

const masks: ((row: number, column: number) => boolean)[] = [
  (r, c) => (r + c) % 2 === 0,
  (r) => r % 2 === 0,
  (_, c) => c % 3 === 0,
  (r, c) => (r + c) % 3 === 0,
  (r, c) => (Math.floor(r / 2) + Math.floor(c / 3)) % 2 === 0,
  (r, c) => ((r * c) % 2) + ((r * c) % 3) === 0,
  (r, c) => (((r * c) % 2) + ((r * c) % 3)) % 2 === 0,
  (r, c) => (((r + c) % 2) + ((r * c) % 3)) % 2 === 0,
];

/** The code of a text; undefined where it is too long. `mask` (0 to 7) is chosen when it is not given. */
export function encodeQR(text: string, mask?: number): QRCode | undefined {
  const bytes = new TextEncoder().encode(text);
  const version = versionFor(bytes.length);
  if (version === 0) return undefined;
  const words = interleave(version, dataWords(version, bytes));
  const blank = new Matrix(version);
  blank.drawPatterns();
  blank.drawWords(words);
  if (mask !== undefined) return blank.masked(mask);
  const all = masks.map((_, m) => blank.masked(m));
  return all.reduce((best, m) => (m.penalty() < best.penalty() ? m : best));
}

function dataSize(version: number): number {
  return blocksOf[version]?.blocks.reduce((sum, [count, data]) => sum + count * data, 0) ?? 0;
}

/** The mode takes 4 bits, the length 8, from version 10 on 16 (§7.4.1, table 3). */
function lengthBits(version: number): number {
  return version < 10 ? 8 : 16;
}

function versionFor(length: number): number {
  for (let v = 1; v <= 10; v++) if (4 + lengthBits(v) + 8 * length <= 8 * dataSize(v)) return v;
  return 0;
}

/** Mode, length, bytes, terminator, padding (§7.4). */
function dataWords(version: number, bytes: Uint8Array): number[] {
  const bits: number[] = [];
  const put = (value: number, count: number) => {
    for (let i = count - 1; i >= 0; i--) bits.push((value >> i) & 1);
  };
  put(0b0100, 4);
  put(bytes.length, lengthBits(version));
  for (const b of bytes) put(b, 8);
  const size = dataSize(version);
  put(0, Math.min(4, 8 * size - bits.length));
  while (bits.length % 8 !== 0) bits.push(0);
  const words: number[] = [];
  for (let i = 0; i < bits.length; i += 8) words.push(bits.slice(i, i + 8).reduce((w, b) => (w << 1) | b, 0));
  for (let pad = 0xec; words.length < size; pad ^= 0xec ^ 0x11) words.push(pad);
  return words;
}

/** Blocks with their error correction, woven together (§7.6). */
function interleave(version: number, words: number[]): number[] {
  const { check, blocks } = blocksOf[version] ?? { check: 0, blocks: [] };
  const data: number[][] = [];
  let at = 0;
  for (const [count, length] of blocks) {
    for (let i = 0; i < count; i++, at += length) data.push(words.slice(at, at + length));
  }
  const checks = data.map((block) => remainder(block, check));
  return [...weave(data), ...weave(checks)];
}

function weave(blocks: number[][]): number[] {
  const out: number[] = [];
  for (let i = 0; blocks.some((b) => i < b.length); i++) {
    for (const block of blocks) if (i < block.length) out.push(block[i] ?? 0);
  }
  return out;
}

// ---- Reed-Solomon over GF(256) with x^8 + x^4 + x^3 + x^2 + 1 (§7.5) ----

function times(a: number, b: number): number {
  let product = 0;
  for (let i = 7; i >= 0; i--) product = (product << 1) ^ ((product >> 7) * 0x11d) ^ (((b >> i) & 1) * a);
  return product;
}

/** The product of (x - 2^i) for i below degree, without its leading 1. */
function generator(degree: number): number[] {
  let poly = [1];
  for (let i = 0, root = 1; i < degree; i++, root = times(root, 2)) {
    const next = [...poly, 0];
    poly.forEach((c, j) => (next[j + 1] = (next[j + 1] ?? 0) ^ times(c, root)));
    poly = next;
  }
  return poly.slice(1);
}

function remainder(data: number[], degree: number): number[] {
  const divisor = generator(degree);
  const rest: number[] = new Array<number>(degree).fill(0);
  for (const word of data) {
    const factor = word ^ (rest.shift() ?? 0);
    rest.push(0);
    divisor.forEach((c, i) => (rest[i] = (rest[i] ?? 0) ^ times(c, factor)));
  }
  return rest;
}

/** What is left of value·x^degree after division by the code's polynomial: BCH (annexes C and D). */
function bch(value: number, degree: number, poly: number): number {
  let rest = value;
  for (let i = 0; i < degree; i++) rest = (rest << 1) ^ ((rest >> (degree - 1)) * poly);
  return rest;
}

class Matrix implements QRCode {
  readonly size: number;
  readonly #dark: boolean[];
  /** Modules that are no data: patterns, format, version. */
  readonly #fixed: boolean[];

  constructor(
    readonly version: number,
    from?: Matrix,
  ) {
    this.size = 17 + 4 * version;
    this.#dark = from ? [...from.#dark] : new Array<boolean>(this.size ** 2).fill(false);
    this.#fixed = from ? from.#fixed : new Array<boolean>(this.size ** 2).fill(false);
  }

  dark(row: number, column: number): boolean {
    return this.#dark[row * this.size + column] ?? false;
  }

  #set(row: number, column: number, dark: boolean): void {
    this.#dark[row * this.size + column] = dark;
  }

  #fix(row: number, column: number, dark: boolean): void {
    if (row < 0 || column < 0 || row >= this.size || column >= this.size) return;
    this.#set(row, column, dark);
    this.#fixed[row * this.size + column] = true;
  }

  /** Everything that does not depend on the data (§6.3). */
  drawPatterns(): void {
    for (let i = 0; i < this.size; i++) {
      this.#fix(6, i, i % 2 === 0);
      this.#fix(i, 6, i % 2 === 0);
    }
    const end = this.size - 4;
    for (const [r, c] of [[3, 3], [3, end], [end, 3]] as const) this.#drawSquare(r, c, 4);
    const centres = alignment[this.version] ?? [];
    for (const r of centres) {
      for (const c of centres) {
        const corner = (r === 6 && (c === 6 || c === this.size - 7)) || (c === 6 && r === this.size - 7);
        if (!corner) this.#drawSquare(r, c, 2);
      }
    }
    this.#drawFormat(0); // takes the place; masked() writes what is true
    if (this.version >= 7) this.#drawVersion();
  }

  /** Rings around a centre: of a finder (reach 4, with its separator) or an alignment pattern (2). */
  #drawSquare(row: number, column: number, reach: number): void {
    for (let r = -reach; r <= reach; r++) {
      for (let c = -reach; c <= reach; c++) {
        const ring = Math.max(Math.abs(r), Math.abs(c));
        this.#fix(row + r, column + c, reach === 4 ? ring !== 2 && ring !== 4 : ring !== 1);
      }
    }
  }

  /** Level M (00) and the mask, twice (§7.9). */
  #drawFormat(mask: number): void {
    const bits = ((mask << 10) | bch(mask, 10, 0x537)) ^ 0x5412;
    const bit = (i: number) => ((bits >> i) & 1) === 1;
    for (let i = 0; i < 15; i++) {
      const row = i < 6 ? i : i < 8 ? i + 1 : this.size - 15 + i; // down column 8, past the timing pattern
      this.#fix(row, 8, bit(i));
      const column = i < 8 ? this.size - 1 - i : i === 8 ? 7 : 14 - i; // along row 8, from the right
      this.#fix(8, column, bit(i));
    }
    this.#fix(this.size - 8, 8, true);
  }

  /** The version, twice (§7.10). */
  #drawVersion(): void {
    const bits = (this.version << 12) | bch(this.version, 12, 0x1f25);
    for (let i = 0; i < 18; i++) {
      const near = Math.floor(i / 3);
      const far = this.size - 11 + (i % 3);
      this.#fix(near, far, ((bits >> i) & 1) === 1);
      this.#fix(far, near, ((bits >> i) & 1) === 1);
    }
  }

  /** Up and down in columns of two, from the right, around what is fixed (§7.7.3). */
  drawWords(words: number[]): void {
    let at = 0;
    let up = true;
    for (let right = this.size - 1; right > 0; right -= 2, up = !up) {
      if (right === 6) right = 5; // the timing pattern has a column of its own
      for (let i = 0; i < this.size; i++) {
        const row = up ? this.size - 1 - i : i;
        for (const column of [right, right - 1]) {
          if (this.#fixed[row * this.size + column]) continue;
          this.#set(row, column, (((words[at >> 3] ?? 0) >> (7 - (at & 7))) & 1) === 1);
          at++;
        }
      }
    }
  }

  masked(mask: number): Matrix {
    const out = new Matrix(this.version, this);
    const flips = masks[mask];
    for (let r = 0; r < this.size; r++) {
      for (let c = 0; c < this.size; c++) {
        if (!this.#fixed[r * this.size + c] && flips?.(r, c)) out.#set(r, c, !this.dark(r, c));
      }
    }
    out.#drawFormat(mask);
    return out;
  }

  /** How hard it is to read (§7.8.3). */
  penalty(): number {
    const rows = Array.from({ length: this.size }, (_, r) => Array.from({ length: this.size }, (_, c) => this.dark(r, c)));
    const columns = rows.map((_, i) => rows.map((row) => row[i] ?? false));
    const dark = rows.flat().filter(Boolean).length;
    const share = Math.floor(Math.abs((dark * 20) / this.size ** 2 - 10)); // steps of 5 % away from one half
    return sum([...rows, ...columns].map(linePenalty)) + this.#blocks() + 10 * share;
  }

  /** Squares of four alike. */
  #blocks(): number {
    let found = 0;
    for (let r = 0; r < this.size - 1; r++) {
      for (let c = 0; c < this.size - 1; c++) {
        const d = this.dark(r, c);
        if (d === this.dark(r, c + 1) && d === this.dark(r + 1, c) && d === this.dark(r + 1, c + 1)) found++;
      }
    }
    return 3 * found;
  }
}

/** Runs of five and more, and what looks like a finder (1:1:3:1:1 beside four light ones). */
function linePenalty(line: boolean[]): number {
  const text = line.map((d) => (d ? "1" : "0")).join("");
  const runs = text.match(/0{5,}|1{5,}/g) ?? [];
  const finders = text.match(/(?=10111010000|00001011101)/g) ?? [];
  return sum(runs.map((run) => run.length - 2)) + 40 * finders.length;
}

function sum(numbers: number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}

/** The dark modules as an SVG path, one unit each. */
export function qrPath(code: QRCode): string {
  const parts: string[] = [];
  for (let r = 0; r < code.size; r++) {
    for (let c = 0; c < code.size; c++) {
      const from = c;
      while (c < code.size && code.dark(r, c)) c++;
      if (c > from) parts.push(`M${from} ${r}h${c - from}v1h${from - c}z`);
    }
  }
  return parts.join("");
}
