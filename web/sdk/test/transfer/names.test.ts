import { describe, expect, it } from "vitest";
import { Manifest, pathFault } from "../../src/transfer/names";
import type { Entry } from "../../src/transfer/disk";
import type { OfferMessage } from "../../src/transfer/messages";

const offer = (entries: Entry[], change: Partial<OfferMessage> = {}): OfferMessage => {
  const files = entries.filter((e) => !e.k);
  const bytes = files.reduce((n, e) => n + (e.s ?? 0), 0);
  return { type: "offer", id: "t", name: "x", kind: "files", entries: entries.length, files: files.length, bytes, piece: 1 << 20, ...change };
};

function list(entries: Entry[], change: Partial<OfferMessage> = {}): void {
  const m = new Manifest(offer(entries, change));
  for (const e of entries) m.add(e);
  m.finish();
}

describe("names", () => {
  it.each([
    "", "/etc/passwd", "..", "a/../b", "./a", "a//b", "a/", "a\\b", "C:x", "a\u0000b", "a\nb", "a\u0085b", "a\u202eb", "a\u2066b", "x.", "x ", "a/b. ",
    "CON", "con.txt", "nul .txt", "COM1", "lpt9.log", "COM¹", "CONIN$", "x".repeat(256), "é".repeat(128), "a/".repeat(64) + "a", "\ud800", "a/".repeat(2100) + "a",
  ])("refuses %j", (path) => expect(pathFault(path)).toBeTypeOf("string"));

  it.each(["a", "a.b", ".hidden", "...a", "a b/c d", "CONsole", "COM10", "com", "lpt", "日本/ü.txt", "x".repeat(255), "a/".repeat(63) + "a", "😀"])("takes %j", (path) =>
    expect(pathFault(path)).toBeUndefined(),
  );

  it("takes what is in order", () => {
    list([{ p: "a", k: "d" }, { p: "a/b", s: 3 }, { p: "c" }]);
    list([{ p: "message.txt", s: 5 }], { kind: "text" });
  });

  const d = (p: string): Entry => ({ p, k: "d" });
  it.each<[string, Entry[], Partial<OfferMessage>?]>([
    ["two that differ by case", [{ p: "a" }, { p: "A" }]],
    ["two that differ by case beyond ASCII", [{ p: "straße" }, { p: "STRASSE" }]],
    ["two that differ by normalisation", [{ p: "\u00e9" }, { p: "e\u0301" }]],
    ["a folder that was not offered", [{ p: "a/b" }]],
    ["a folder in another case", [d("A"), { p: "a/b" }]],
    ["a file as a folder", [{ p: "a" }, { p: "a/b" }]],
    ["a symbolic link", [{ p: "a", k: "l", to: "b" }]],
    ["an unknown kind", [{ p: "a", k: "x" as "d" }]],
    ["a folder with a size", [{ p: "a", k: "d", s: 1 }]],
    ["a wrong sum", [{ p: "a", s: 1 }], { bytes: 2 }],
    ["a wrong number of files", [{ p: "a", s: 1 }], { files: 2 }],
    ["fewer than it says", [{ p: "a" }], { entries: 2 }],
    ["more than it says", [{ p: "a" }, { p: "b" }], { entries: 1 }],
    ["odd pieces", [], { piece: 100_000 }],
    ["small pieces", [], { piece: 1 << 15 }],
    ["too many pieces", [{ p: "a", s: 2 ** 22 * 65536 + 1 }], { piece: 65536 }],
    ["a time that cannot be", [{ p: "a", t: 9e15 }]],
    ["too many", [], { entries: 1_000_001 }],
    ["a text of two", [{ p: "a" }, { p: "b" }], { kind: "text" }],
    ["an unknown kind of offer", [], { kind: "x" as "text" }],
  ])("refuses %s", (_name, entries, change) => expect(() => list(entries, change)).toThrow(/refused/));
});
