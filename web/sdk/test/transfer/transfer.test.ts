import { describe, expect, it } from "vitest";
import { Hasher } from "../../src/transfer/blake3";
import type { Bytes } from "../../src/transfer/bytes";
import { controlMessage, kind, parseMessage, type Control } from "../../src/transfer/messages";
import type { SendItem } from "../../src/transfer/shape";
import { Sink } from "../../src/transfer/sink";
import { receiveWindow } from "../../src/transfer/sinkrun";
import { Source } from "../../src/transfer/source";
import { SourceRun } from "../../src/transfer/sourcerun";
import { MemoryDisk } from "./disk";
import { Pipe, type Meddle } from "./ways";

const hasher = new Hasher();

/** Bytes that are alike every time and nowhere the same. */
function noise(length: number, seed: number): Bytes {
  const out = new Uint8Array(length);
  let x = seed * 2654435761 + 1;
  for (let i = 0; i < length; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    out[i] = x >>> 24;
  }
  return out;
}

const sizes: Record<string, number> = {
  "holiday/empty": 0,
  "holiday/one": 1,
  "holiday/small.txt": 5000,
  "holiday/piece": 1 << 20,
  "holiday/more": (1 << 20) + 1,
  "holiday/deep/er/big.bin": 3 * (1 << 20) + 777,
};

const contents = new Map(Object.entries(sizes).map(([path, size], i) => [path, noise(size, i + 1)]));
const items: SendItem[] = [...contents].map(([path, bytes]) => ({ path, file: new Blob([bytes]) }));

class Receiver {
  disk = new MemoryDisk();
  skip: number[] = [];
  offers = 0;
  sink: Sink;

  constructor(readonly id = "t1") {
    this.sink = new Sink(id, { offered: async () => (this.offers++, { disk: this.disk, skip: this.skip }), changed: () => {} }, hasher);
  }

  /** Everything is as it was sent. */
  check(): void {
    expect([...this.disk.files.keys()].sort()).toEqual([...contents.keys()].sort());
    for (const [path, bytes] of contents) expect(same(this.disk.files.get(path), bytes), path).toBe(true);
  }
}

function same(a: Uint8Array | undefined, b: Uint8Array): boolean {
  if (a?.length !== b.length) return false;
  for (let i = 0; i < b.length; i++) if (a[i] !== b[i]) return false; // every() is slow for megabytes
  return true;
}

interface Outcome {
  source: boolean | string;
  sink: boolean | string;
  told: { total: number; verified: number };
}

async function talk(source: Source, receiver: Receiver, meddle?: Meddle): Promise<Outcome> {
  const pipe = new Pipe(meddle);
  const told = { total: -1, verified: 0 };
  const run = new SourceRun(source, pipe.sender, { accepted: (total) => (told.total = total), verified: (v) => (told.verified = v) });
  const words = (p: Promise<boolean>) => p.catch((e: Error & { code?: string }) => `${e.code}: ${e.message}`);
  const ended = Promise.all([words(run.done()), words(receiver.sink.run(pipe.receiver))]);
  const [s, r] = await ended;
  pipe.break();
  return { source: s, sink: r, told };
}

describe("a transfer", () => {
  it("brings files and folders, every byte", async () => {
    const receiver = new Receiver();
    const { told, ...ends } = await talk(new Source("t1", { items }, hasher), receiver);
    expect(ends).toEqual({ source: true, sink: true });
    receiver.check();
    expect(receiver.disk.folders).toEqual(["holiday", "holiday/deep", "holiday/deep/er"]);
    expect(receiver.disk).toMatchObject({ finished: 1, open: 0 });
    const all = Object.values(sizes).reduce((a, b) => a + b);
    expect([receiver.sink.total, receiver.sink.verified, told.total, told.verified]).toEqual([all, all, all, all]);
  });

  it("brings a text", async () => {
    const receiver = new Receiver();
    expect(await talk(new Source("t1", { text: "héllo" }, hasher), receiver)).toMatchObject({ source: true, sink: true });
    expect(receiver.sink.text).toBe("héllo");
  });

  it("leaves out what is not wanted", async () => {
    const receiver = new Receiver();
    const source = new Source("t1", { items }, hasher);
    receiver.skip = source.entries.flatMap((e, i) => (e.p.startsWith("holiday/deep") ? [i] : []));
    expect(await talk(source, receiver)).toMatchObject({ source: true, sink: true });
    expect([...receiver.disk.files.keys()]).not.toContain("holiday/deep/er/big.bin");
    expect(receiver.disk.files.size).toBe(items.length - 1);
    expect(receiver.disk.folders).toEqual(["holiday"]);
  });

  it("says how much it wants, and goes on with the same after a break", async () => {
    const receiver = new Receiver();
    const source = new Source("t1", { items }, hasher);
    receiver.skip = source.entries.flatMap((e, i) => (e.p === "holiday/piece" || e.p === "holiday/one" ? [i] : []));
    const all = Object.values(sizes).reduce((a, b) => a + b);
    const wanted = all - (1 << 20) - 1;
    let told = 0;
    const first = await talk(source, receiver, (m) => (m[0] === kind.data && (told += m.length) > 2 << 20 ? undefined : m));
    expect(first).toMatchObject({ source: false, sink: false });
    const { told: last, ...ends } = await talk(source, receiver);
    expect(ends).toEqual({ source: true, sink: true });
    expect([receiver.sink.total, receiver.sink.verified, last.total, last.verified]).toEqual([wanted, wanted, wanted, wanted]);
    expect(receiver.offers).toBe(1);
    expect([...receiver.disk.files.keys()].sort()).toEqual([...contents.keys()].filter((p) => !/piece|one/.test(p)).sort());
  });

  it("takes every other file of thousands, and says so in several messages", async () => {
    const many = Array.from({ length: 5100 }, (_, i) => ({ path: `n/${i}`, file: new Blob([`${i}`]) }));
    const source = new Source("t1", { items: many }, hasher);
    const receiver = new Receiver();
    receiver.skip = source.entries.flatMap((e, i) => (!e.k && i % 2 === 0 ? [i] : []));
    const said: string[] = [];
    const note: Meddle = (m, from) => {
      const message = from === "receiver" ? parseMessage(m) : undefined;
      if (message?.kind === "control") said.push(message.control.type);
      return m;
    };
    expect(await talk(source, receiver, note)).toMatchObject({ source: true, sink: true });
    expect(receiver.disk.files.size).toBe(2550);
    expect(said).toEqual(["skip", "accept", "bye"]);

    const old = new Receiver();
    old.skip = receiver.skip;
    const { sink } = await talk(source, old, (m, from) => {
      const message = from === "sender" ? parseMessage(m) : undefined;
      if (message?.kind !== "control" || message.control.type !== "offer") return m;
      const { knows: _, ...offer } = message.control;
      return controlMessage(offer);
    });
    expect(sink).toMatch(/^failed: .*too old for so scattered a choice/);
  });

  it("waits for who only looked", async () => {
    const pipe = new Pipe((m, from) => {
      const message = from === "receiver" ? parseMessage(m) : undefined;
      return message?.kind === "control" && message.control.type === "accept" ? controlMessage({ type: "cancel", reason: "", later: true }) : m;
    });
    const receiver = new Receiver();
    const run = new SourceRun(new Source("t1", { items }, hasher), pipe.sender, { accepted: () => {}, verified: () => {} });
    const looking = receiver.sink.run(pipe.receiver);
    await expect(run.done()).rejects.toMatchObject({ code: "later" });
    pipe.break();
    expect(await looking).toBe(false);
  });

  it("writes in order to a disk that streams", async () => {
    const receiver = new Receiver();
    receiver.disk = new MemoryDisk(true);
    expect(await talk(new Source("t1", { items }, hasher), receiver)).toMatchObject({ source: true, sink: true });
    receiver.check();
  });

  it("asks for a piece that is damaged again", async () => {
    const receiver = new Receiver();
    let damaged = 0;
    const { source, sink } = await talk(new Source("t1", { items }, hasher), receiver, (m) => {
      if (m[0] === kind.data && m.length > 1000 && damaged < 3 && damaged++ % 2 === 0) m[500]! ^= 1;
      return m;
    });
    expect({ source, sink, damaged }).toEqual({ source: true, sink: true, damaged: 3 });
    receiver.check();
  });

  it("gives up on what is damaged always", async () => {
    const receiver = new Receiver();
    const { source, sink } = await talk(new Source("t1", { items }, hasher), receiver, (m) => {
      if (m[0] === kind.data && m.length > 1000) m[500]! ^= 1;
      return m;
    });
    expect(sink).toMatch(/^bad-file: .*damaged/);
    expect(source).toMatch(/^failed: .*damaged/);
    expect(receiver.disk.files.has("holiday/more")).toBe(false);
  });

  it("goes on after every break, wherever that is", async () => {
    const source = new Source("t1", { items }, hasher);
    for (let at = 1; at < 140; at += 13) {
      const receiver = new Receiver();
      let runs = 0;
      for (let done = false; !done; runs++) {
        expect(runs).toBeLessThan(40);
        const { source: s, sink: r } = await talk(source, receiver, (m, _from, n) => (n < at * (runs + 1) ? m : undefined));
        for (const [path, bytes] of receiver.disk.files) expect(same(bytes, contents.get(path)!), path).toBe(true);
        done = s === true && r === true;
        if (!done) expect([typeof s, typeof r]).toEqual(["boolean", "boolean"]);
      }
      receiver.check();
      expect([receiver.offers, receiver.disk.finished]).toEqual([1, 1]);
    }
  }, 30_000);

  it("hashes what is there after a restart, and sends the rest", async () => {
    const source = new Source("t1", { items }, hasher);
    const first = new Receiver();
    let data = 0;
    await talk(source, first, (m) => (m[0] === kind.data && (data += m.length) > 4 << 20 ? undefined : m));
    await first.sink.close();
    expect(first.disk.open).toBe(0);
    const second = new Receiver();
    second.disk = first.disk;
    let sent = 0;
    expect(await talk(source, second, (m) => ((sent += m[0] === kind.data ? m.length : 0), m))).toMatchObject({ source: true, sink: true });
    second.check();
    expect(sent).toBeLessThan(2.5 * (1 << 20));
    const third = new Receiver();
    third.disk = second.disk;
    sent = 0;
    expect(await talk(source, third, (m) => ((sent += m[0] === kind.data ? m.length : 0), m))).toMatchObject({ source: true, sink: true });
    expect(sent).toBe(0);
    third.check();
  });

  it("sends to several at once", async () => {
    const source = new Source("t1", { items }, hasher);
    const receivers = [new Receiver(), new Receiver(), new Receiver()];
    const ends = await Promise.all(receivers.map((r) => talk(source, r)));
    for (const end of ends) expect(end).toMatchObject({ source: true, sink: true });
    for (const r of receivers) r.check();
  });

  it("keeps within the window while the disk is slow", async () => {
    const bytes = noise(receiveWindow + (8 << 20), 9);
    const big = new Blob([bytes]);
    const receiver = new Receiver();
    let free!: () => void;
    const gate = new Promise<void>((go) => (free = go));
    receiver.disk.slow = () => gate;
    let sent = 0;
    const talked = talk(new Source("t1", { items: [{ path: "big", file: big }] }, hasher), receiver, (m) => ((sent += m[0] === kind.data ? m.length : 0), m));
    await expect.poll(() => sent, { timeout: 5000 }).toBeGreaterThan(receiveWindow - (1 << 20));
    await new Promise((r) => setTimeout(r, 50));
    expect(sent).toBeLessThan(receiveWindow + 1.5 * (1 << 20));
    free();
    expect(await talked).toMatchObject({ source: true, sink: true });
    // No piece's memory was used again before the disk had it.
    expect(same(receiver.disk.files.get("big"), bytes)).toBe(true);
  });

  it("tells both ends that the disk is full", async () => {
    const receiver = new Receiver();
    receiver.disk.full = 1 << 20;
    const { source, sink } = await talk(new Source("t1", { items }, hasher), receiver);
    expect([source, sink]).toEqual(["failed: The disk is full.", "disk-full: The disk is full."]);
  });

  it("tells the other end that it was cancelled", async () => {
    for (const who of ["source", "sink"] as const) {
      const receiver = new Receiver();
      const pipe = new Pipe();
      const run = new SourceRun(new Source("t1", { items }, hasher), pipe.sender, { accepted: () => {}, verified: () => {} });
      receiver.disk.slow = () => new Promise(() => {});
      const ends = Promise.allSettled([run.done(), receiver.sink.run(pipe.receiver)]);
      await expect.poll(() => receiver.disk.open).toBeGreaterThan(0);
      void (who === "source" ? run.cancel("no battery") : receiver.sink.cancel("no battery"));
      const [s, r] = await ends;
      expect(who === "source" ? r : s).toMatchObject({ reason: { code: "cancelled", message: "no battery" } });
    }
  });

  it("ends where the file changed while it was sent", async () => {
    const receiver = new Receiver();
    const file = { size: 10, slice: () => ({ arrayBuffer: () => Promise.reject(new Error("NotReadableError")) }) } as unknown as Blob;
    const { source, sink } = await talk(new Source("t1", { items: [{ path: "a", file }] }, hasher), receiver);
    expect(source).toMatch(/^changed: “a”/);
    expect(sink).toMatch(/^failed: “a” was changed/);
  });

  it.each<[string, object]>([
    ["skips what is not there", { window: 1 << 20, skip: [[0, 1000]] }],
    ["skips again and again", { window: 1 << 20, skip: [[0, 3], [1, 3]] }],
    ["has no window", { window: 100 }],
    ["wants more than there is", { window: 1 << 20, wanted: { files: 1, bytes: 1e12 } }],
  ])("does not serve who %s", async (_how, accept) => {
    const receiver = new Receiver();
    const { source } = await talk(new Source("t1", { items }, hasher), receiver, (m, from) => {
      const message = from === "receiver" ? parseMessage(m) : undefined;
      return message?.kind === "control" && message.control.type === "accept" ? controlMessage({ ...message.control, ...accept } as Control) : m;
    });
    expect(source).toMatch(/^failed: The other end sent what makes no sense/);
  });

  it("survives any nonsense, from both ends", async () => {
    const source = new Source("t1", { items: items.slice(0, 5) }, hasher);
    let seed = 1;
    const random = (n: number) => ((seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0), seed % n);
    for (let round = 0; round < 150; round++) {
      const receiver = new Receiver();
      const { source: s, sink: r } = await talk(source, receiver, (m, _from, n) => {
        if (n > 200) return undefined;
        if (random(6) === 0) m[random(Math.min(m.length, 40))] = random(256);
        if (random(40) === 0) return m.slice(0, 1 + random(m.length));
        return m;
      });
      expect([["boolean", "string"], ["boolean", "string"]].every((t, i) => t.includes(typeof [s, r][i]))).toBe(true);
      for (const [path, bytes] of receiver.disk.files) {
        const sent = contents.get(path);
        if (sent && r === true) expect(same(bytes, sent), path).toBe(true);
      }
    }
  });
});

describe("parseMessage", () => {
  it("never throws", () => {
    for (let i = 0; i < 5000; i++) {
      const m = noise(1 + (i % 70), i);
      m[0] = i % 12;
      expect(() => parseMessage(m)).not.toThrow();
    }
  });
});
