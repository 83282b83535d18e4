import { describe, expect, it } from "vitest";
import type { Entry } from "../../sdk/src/transfer/disk";
import type { Receiver } from "../../sdk/src/transfer/shape";
import { entryPath } from "../src/entry";
import { parseRoute } from "../src/route";
import { parseAddress, receivePath, spokenCode } from "../src/transfer/address";
import { clockWords, leftWords, percent, rateWords, sizeWords } from "../src/transfer/amounts";
import { crc32 } from "../src/transfer/crc";
import { diskError, isSingle } from "../src/transfer/disks";
import { fromInput, fromPaste, itemLines, joinItems, topLines, without } from "../src/transfer/gather";
import { nthName, openType, saveName, screenshotName } from "../src/transfer/names";
import { detailedWords, problemOf, problemWords, receiverWords } from "../src/transfer/words";
import { zipSize, ZipWriter } from "../src/transfer/zip";

const id = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const key = "AAAAAAAAAAAAAAAAAAAA_-";

describe("amounts", () => {
  it("sizes count by thousands and never say 1000 of a unit", () => {
    expect([0, 1, 999, 1000, 9_940, 9_960, 999_499, 999_500, 1_234_567, 5e9, 7e15].map(sizeWords)).toEqual([
      "0 bytes", "1 byte", "999 bytes", "1.0 kB", "9.9 kB", "10 kB", "999 kB", "1.0 MB", "1.2 MB", "5.0 GB", "7000 TB",
    ]);
    expect(rateWords(23_000_000)).toBe("23 MB/s");
  });

  it("the time left is rough, and silent where nothing moves", () => {
    expect(leftWords(100, 0)).toBe("");
    expect(leftWords(0, 100)).toBe("");
    expect([5, 33, 70, 600, 7200, 86_400].map((s) => leftWords(s * 100, 100))).toEqual([
      "a few seconds left", "about 30 seconds left", "about a minute left", "about 10 minutes left", "about 2 hours left", "about 24 hours left",
    ]);
  });

  it("100 % is said only at the end", () => {
    expect([percent(0, 10), percent(999_999, 1_000_000), percent(10, 10), percent(0, 0)]).toEqual([0, 99, 100, 0]);
  });

  it("a link's clock", () => {
    expect([581_000, 59_001, -5, 7_500_000, 518_400_000].map(clockWords)).toEqual(["9:41", "1:00", "0:00", "2 h 05 min", "6 days"]);
  });
});

describe("addresses", () => {
  it("hold an id and a key, or a code", () => {
    expect(parseAddress(`/t/${id}`, `#${key}`)).toEqual({ id, key });
    expect(parseAddress(`/t/${id}/`, `#${key}.p`)).toEqual({ id, key: `${key}.p` });
    expect(parseAddress("/t/code", "#7-crossover-clockwork")).toEqual({ code: "7-crossover-clockwork" });
  });

  it("of which a part is missing are told from whole ones", () => {
    for (const hash of ["", "#", `#${key.slice(1)}`, `#${key}x`, `#${key}.q`]) expect(parseAddress(`/t/${id}`, hash)).toBeUndefined();
    expect(parseAddress("/t/code", "#not-a-code")).toBeUndefined();
  });

  it("what people paste or type leads there, and the secret stays behind the #", () => {
    expect(receivePath(` https://example.org/t/${id}#${key}.p `)).toBe(`/t/${id}#${key}.p`);
    expect(receivePath(`example.org/t/${id}#${key}`)).toBe(`/t/${id}#${key}`);
    expect(receivePath("7 Crossover Clockwork")).toBe("/t/code#7-crossover-clockwork");
    expect(receivePath("12crossover-clockwork")).toBe("/t/code#12-crossover-clockwork");
    expect(receivePath(`https://example.org/t/${id}`)).toBeUndefined();
    expect(receivePath("hello")).toBeUndefined();
    expect(spokenCode("calm-otter-421")).toBeUndefined();
  });

  it("the start page knows them, too, and still its rooms", () => {
    expect(entryPath("7-crossover-clockwork", "https://here.example/")).toBe("/t/code#7-crossover-clockwork");
    expect(entryPath(`https://other.example/t/${id}#${key}`, "https://here.example/")).toBe(`/t/${id}#${key}`);
    expect(entryPath("Calm otter 421", "https://here.example/")).toBe("/r/calm-otter-421");
  });

  it("are routes", () => {
    expect(parseRoute("/send")).toEqual({ page: "send" });
    expect(parseRoute(`/t/${id}`)).toEqual({ page: "transfer", id });
    expect(parseRoute("/t/")).toEqual({ page: "unknown" });
  });
});

describe("names", () => {
  it("of downloads are one harmless part", () => {
    expect(["a/b/../c.txt", "..", ".bashrc", "a\u202egnp.exe", "nul.txt", "a:b?.txt", "end. ", "", "\u0000"].map(saveName)).toEqual([
      "c.txt", "file", "bashrc", "agnp.exe", "_nul.txt", "a_b_.txt", "end", "file", "file",
    ]);
    const long = saveName(`${"x".repeat(400)}.jpeg`);
    expect(long.length).toBe(200);
    expect(long.endsWith(".jpeg")).toBe(true);
  });

  it("that are taken get a number before their ending", () => {
    expect([nthName("a.txt", 1), nthName("a.txt", 2), nthName("a", 3), nthName(".profile", 2)]).toEqual(["a.txt", "a (2).txt", "a (3)", ".profile (2)"]);
  });

  it("of screenshots tell their time", () => {
    expect(screenshotName(new Date(2026, 10, 23, 14, 3))).toBe("Screenshot 2026-11-23 14.03.png");
  });

  it("pages and drawings with scripts are never opened here", () => {
    for (const name of ["a.html", "a.svg", "a.xml", "a.xhtml", "a.js", "html", "a"]) expect(openType(name)).toBeUndefined();
    expect(openType("A.PNG")).toBe("image/png");
  });
});

describe("what is gathered", () => {
  const file = (name: string, size: number, type = "") => new File([new Uint8Array(size)], name, { type });
  const clipboard = (files: File[], text = "") => ({ files, getData: () => text }) as unknown as DataTransfer;

  it("a pasted image is named by its time, other files keep their names", () => {
    const at = new Date(2026, 10, 23, 14, 3);
    expect(fromPaste(clipboard([file("image.png", 3, "image/png")]), at).items[0]?.path).toBe("Screenshot 2026-11-23 14.03.png");
    expect(fromPaste(clipboard([file("image.jpeg", 3, "image/jpeg")]), at).items[0]?.path).toBe("Screenshot 2026-11-23 14.03.jpg");
    expect(fromPaste(clipboard([file("cat.png", 3, "image/png")]), at).items[0]?.path).toBe("cat.png");
    expect(fromPaste(clipboard([], "hello"), at)).toEqual({ items: [], text: "hello" });
  });

  it("two things of one name are both sent", () => {
    const a = fromInput([file("a.txt", 1)]);
    const both = joinItems(joinItems([], a), fromInput([file("A.txt", 2)]));
    expect(both.map((i) => i.path)).toEqual(["a.txt", "A (2).txt"]);
  });

  it("a second folder of the same name stays together", () => {
    const folder = (size: number) => [{ path: "d", folder: true as const }, { path: "d/x", file: file("x", size) }, { path: "d/e/y", file: file("y", size) }];
    const both = joinItems(folder(1), folder(2));
    expect(both.map((i) => i.path)).toEqual(["d", "d/x", "d/e/y", "d (2)", "d (2)/x", "d (2)/e/y"]);
    expect(itemLines(both)).toEqual([{ name: "d", folder: true, files: 2, bytes: 2 }, { name: "d (2)", folder: true, files: 2, bytes: 4 }]);
    expect(without(both, "d").map((i) => i.path)).toEqual(["d (2)", "d (2)/x", "d (2)/e/y"]);
  });

  it("lines tell files from folders", () => {
    expect(topLines([{ path: "a", size: 1, folder: false }, { path: "b/c", size: 2, folder: false }, { path: "empty", size: 0, folder: true }])).toEqual([
      { name: "a", folder: false, files: 1, bytes: 1 },
      { name: "b", folder: true, files: 1, bytes: 2 },
      { name: "empty", folder: true, files: 0, bytes: 0 },
    ]);
  });
});

describe("archives", () => {
  const bytes = (text: string) => new TextEncoder().encode(text);

  it("sums are those of ISO 3309, in one go and in parts", () => {
    expect(crc32(bytes("123456789"))).toBe(0xcbf43926);
    const long = new Uint8Array(1003).map((_, i) => i * 31);
    expect(crc32(long.subarray(500), crc32(long.subarray(0, 500)))).toBe(crc32(long));
    let plain = ~0;
    for (const b of long) {
      plain ^= b;
      for (let k = 0; k < 8; k++) plain = plain & 1 ? (plain >>> 1) ^ 0xedb88320 : plain >>> 1;
    }
    expect(crc32(long)).toBe(~plain >>> 0);
  });

  const entries: Entry[] = [{ p: "d", k: "d" }, { p: "d/ä.txt", s: 9, t: 1_763_800_000_123 }, { p: "z", s: 0 }];

  function make(list: Entry[], told: boolean): Uint8Array {
    const zip = new ZipWriter();
    const parts: Uint8Array[] = [];
    for (const e of list) {
      const data = e.k ? new Uint8Array(0) : bytes("123456789").subarray(0, e.s);
      const known = told || e.k === "d";
      parts.push(zip.before(e, known ? crc32(data) : undefined), data, zip.after(crc32(data), known));
    }
    parts.push(...zip.end());
    const all = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
    let at = 0;
    for (const p of parts) {
      all.set(p, at);
      at += p.length;
    }
    return all;
  }

  /** Reads the directory at the end, as other programs do. */
  function list(zip: Uint8Array) {
    const v = new DataView(zip.buffer);
    const end = zip.length - 22;
    expect(v.getUint32(end, true)).toBe(0x06054b50);
    let at = v.getUint32(end + 16, true);
    return Array.from({ length: v.getUint16(end + 10, true) }, () => {
      expect(v.getUint32(at, true)).toBe(0x02014b50);
      const [crc, size, nameLength, extra, local] = [v.getUint32(at + 16, true), v.getUint32(at + 24, true), v.getUint16(at + 28, true), v.getUint16(at + 30, true), v.getUint32(at + 42, true)];
      const name = new TextDecoder().decode(zip.subarray(at + 46, at + 46 + nameLength));
      expect(v.getUint32(local, true)).toBe(0x04034b50);
      const start = local + 30 + v.getUint16(local + 26, true) + v.getUint16(local + 28, true);
      at += 46 + nameLength + extra;
      return { name, crc, data: new TextDecoder().decode(zip.subarray(start, start + size)) };
    });
  }

  it("can be read whether the sums were known before or came after", () => {
    for (const told of [true, false]) {
      expect(list(make(entries, told))).toEqual([
        { name: "d/", crc: 0, data: "" },
        { name: "d/ä.txt", crc: 0xcbf43926, data: "123456789" },
        { name: "z", crc: 0, data: "" },
      ]);
    }
  });

  it("their length is known before they are made", () => {
    expect(zipSize(entries)).toBe(make(entries, false).length);
  });

  it("files and places beyond 4 GB are told in 8 bytes", () => {
    const zip = new ZipWriter();
    const big: Entry = { p: "big", s: 5e9 };
    const head = new DataView(zip.before(big, 1).buffer);
    expect([head.getUint32(18, true), head.getUint32(22, true)]).toEqual([0xffffffff, 0xffffffff]);
    expect(Number(head.getBigUint64(30 + 3 + 4, true))).toBe(5e9);
    zip.after(1, true);
    zip.before({ p: "after", s: 1 }, 1);
    zip.after(1, true);
    const [, second, end] = zip.end() as [Uint8Array, Uint8Array, Uint8Array];
    const record = new DataView(second.buffer);
    expect(record.getUint32(42, true)).toBe(0xffffffff);
    expect(Number(record.getBigUint64(46 + 5 + 4, true))).toBe(5e9 + 30 + 3 + 20);
    expect(new DataView(end.buffer).getUint32(0, true)).toBe(0x06064b50);
    expect(end.length).toBe(98);
    expect(new DataView(zip.before({ p: "later", s: 5e9 }).buffer).getUint16(6, true) & 8).toBe(8);
    expect(zip.after(1, false).length).toBe(24);
  });

  it("one file at the top needs none", () => {
    expect([isSingle([{ p: "a", s: 1 }]), isSingle([{ p: "d/a", s: 1 }]), isSingle([{ p: "d", k: "d" }]), isSingle(entries)]).toEqual([true, false, false, false]);
  });
});

describe("words", () => {
  it("each end of a transfer says what to do next", () => {
    for (const code of ["expired", "revoked", "used-up", "not-found", "incomplete", "wrong-secret", "cancelled", "bad-offer", "bad-file", "changed", "disk-full", "disk", "limit", "unreachable", "failed"]) {
      const { title, text } = problemWords({ code, message: "" });
      expect(title, code).not.toBe("");
      expect(text, code).toMatch(/ask|try|open|check|choose|free|go on|wait/i);
    }
  });

  it("a sentence that names the file is not lost", () => {
    expect(detailedWords({ code: "bad-offer", message: "“CON” is a device name." }).text).toBe("“CON” is a device name.");
    expect(detailedWords({ code: "expired", message: "gone" }).text).not.toBe("gone");
  });

  it("the server's reason is told from its code", () => {
    expect(problemOf({ code: "not-found", reason: "used-up", message: "x" }).code).toBe("used-up");
    expect(problemOf({ code: "unreachable", reason: "unreachable", message: "" }).code).toBe("unreachable");
    expect(problemOf(new Error("boom"))).toEqual({ code: "failed", message: "boom" });
  });

  it("each state of a receiver has words", () => {
    for (const state of ["connecting", "deciding", "receiving", "away", "complete", "gave-up", "wrong-secret", "failed"] as const) {
      expect(receiverWords({ state } as Receiver)).not.toBe("");
    }
    expect(receiverWords({ state: "receiving", way: "direct" } as Receiver)).toMatch(/straight from device to device/);
    expect(receiverWords({ state: "receiving", way: "relay" } as Receiver)).toMatch(/through the server, which cannot read it/);
  });

  it("a storage's refusals say what to do", () => {
    const refused = (name: string) => diskError(Object.assign(new Error("x"), { name }));
    expect(refused("QuotaExceededError").code).toBe("disk-full");
    for (const name of ["NotAllowedError", "NotFoundError", "NoModificationAllowedError", "UnknownError"]) {
      expect(refused(name).message, name).toMatch(/choose|close/i);
    }
  });
});
