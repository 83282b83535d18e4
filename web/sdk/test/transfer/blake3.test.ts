import { describe, expect, it } from "vitest";
import { Hasher, rootOf } from "../../src/transfer/blake3";
import { loadFour } from "../../src/transfer/blake3wasm";
import { concat } from "../../src/transfer/bytes";
import made from "./blake3.json";

// Made by lukechampine.com/blake3; the input is that of the official vectors: bytes 0 to 250, again and again.
const vectors: Record<string, string> = made;
const input = (n: number) => Uint8Array.from({ length: n }, (_, i) => i % 251);
const hex = (b: Uint8Array) => [...b].map((v) => v.toString(16).padStart(2, "0")).join("");

const ways = { plain: new Hasher(false), vectors: new Hasher() };

describe("blake3", () => {
  it("has vectors here", () => expect(loadFour()).toBeDefined());

  for (const [name, hasher] of Object.entries(ways)) {
    it.each(Object.entries(vectors))(`hashes %s bytes, ${name}`, (n, want) => {
      expect(hex(hasher.root(input(Number(n))))).toBe(want);
    });
  }

  it.each([1 << 16, 1 << 20])("makes the root out of pieces of %d bytes", (size) => {
    for (const [n, want] of Object.entries(vectors)) {
      const bytes = input(Number(n));
      if (bytes.length <= size) continue;
      const cvs: Uint8Array[] = [];
      for (let at = 0; at < bytes.length; at += size) cvs.push(ways.vectors.piece(bytes.subarray(at, at + size), at / 1024));
      expect(hex(rootOf(concat(...cvs)))).toBe(want);
    }
  });

  it("counts chunks beyond 32 bits alike", () => {
    const bytes = input(65536);
    const far = 2 ** 32 * 3 + 64;
    expect(hex(ways.vectors.piece(bytes, far))).toBe(hex(ways.plain.piece(bytes, far)));
    expect(hex(ways.vectors.piece(bytes, far))).not.toBe(hex(ways.plain.piece(bytes, 64)));
  });

  it("reads what does not begin at a word", () => {
    const bytes = concat(new Uint8Array(3), input(5000)).subarray(3);
    for (const hasher of Object.values(ways)) expect(hex(hasher.root(bytes))).toBe(vectors["5000"]);
  });
});
