import { describe, expect, it } from "vitest";
import { Shelf } from "../../src/transfer/shelf";

describe("the memory of pieces", () => {
  it("is used again once it was given back", () => {
    const shelf = new Shelf(1024);
    const [a, b] = [shelf.take(1024), shelf.take(1024)];
    expect(a).not.toBe(b);
    shelf.give(a);
    expect(shelf.take(1024)).toBe(a);
    expect(shelf.take(1024)).not.toBe(a);
  });

  it("has the length that is asked for", () => {
    const shelf = new Shelf(1024);
    shelf.give(shelf.take(1024));
    expect(shelf.take(77).length).toBe(77);
  });

  it("is not taken back where it is a part of another, or went to a worker", () => {
    const shelf = new Shelf(1024);
    const part = new Uint8Array(4096).subarray(0, 1024);
    const gone = new Uint8Array(1024);
    structuredClone(gone, { transfer: [gone.buffer] });
    for (const bytes of [part, gone, new Uint8Array(1000)]) shelf.give(bytes);
    const got = shelf.take(1024);
    expect([part, gone]).not.toContain(got);
    expect(got.length).toBe(1024);
  });

  it("does not pile up", () => {
    const shelf = new Shelf(16);
    const all = Array.from({ length: 100 }, () => shelf.take(16));
    for (const bytes of all) shelf.give(bytes);
    const again = Array.from({ length: 100 }, () => shelf.take(16));
    expect(again.filter((bytes) => all.includes(bytes)).length).toBe(8);
  });
});
