// A page's WebTransport session with a program, which the tests play on real byte streams.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Emitter } from "../../src/emitter";
import type { ParticipantLink, WebTransportServer } from "../../src/participantlink";
import type { Bytes } from "../../src/transfer/bytes";
import { LinkWay } from "../../src/transfer/linkway";
import { isLocal, mayDial, StreamLane } from "../../src/transfer/websession";

/** A stream both ways, and the program's end of it. */
class Stream {
  readonly readable: ReadableStream<Bytes>;
  readonly writable: WritableStream<Bytes>;
  written: number[] = [];
  ended = false;
  #control!: ReadableByteStreamController;

  constructor() {
    this.readable = new ReadableStream({ type: "bytes", start: (c) => void (this.#control = c) });
    this.writable = new WritableStream({ write: (b) => void this.written.push(...b), close: () => void (this.ended = true) });
  }

  says(...bytes: number[]) {
    this.#control.enqueue(Uint8Array.from(bytes));
  }

  ends() {
    this.#control.close();
    this.#control.byobRequest?.respond(0);
  }

  breaks() {
    this.#control.error(new Error("gone"));
  }
}

const framed = (m: readonly number[]) => [m.length >>> 24, (m.length >>> 16) & 255, (m.length >>> 8) & 255, m.length & 255, ...m];

function lane() {
  const stream = new Stream();
  return { stream, lane: new StreamLane(stream as unknown as WebTransportBidirectionalStream) };
}

describe("a lane on a stream", () => {
  it("brings messages however they are cut", async () => {
    const { stream, lane: l } = lane();
    const messages = [[1, 2, 3], [], Array.from({ length: 65_536 }, (_, i) => i % 251), [9]];
    const bytes = messages.flatMap(framed);
    for (let at = 0, n = 1; at < bytes.length; at += n, n = (n * 7) % 9973) stream.says(...bytes.slice(at, at + n));
    stream.ends();
    for (const m of messages) expect(Array.from((await l.receive()) ?? [])).toEqual(m);
    expect(await l.receive()).toBeUndefined();
  });

  it("holds more than its buffer without losing any of it", async () => {
    const { stream, lane: l } = lane();
    for (let i = 0; i < 40; i++) stream.says(...framed(Array.from({ length: 20_000 }, () => i)));
    for (let i = 0; i < 40; i++) {
      const m = await l.receive();
      expect([m?.length, m?.[0], m?.at(-1)]).toEqual([20_000, i, i]);
    }
  });

  it.each([
    ["a message that is too long", [0, 1, 0, 1, 5]],
    ["half a message", [0, 0, 0, 5, 1, 2]],
    ["half a length", [0, 0]],
  ])("ends by %s", async (_, bytes) => {
    const { stream, lane: l } = lane();
    stream.says(...framed([7]), ...bytes);
    stream.ends();
    expect(await l.receive()).toEqual(Uint8Array.of(7));
    expect(await l.receive()).toBeUndefined();
  });

  it("ends with its session", async () => {
    const { stream, lane: l } = lane();
    const waiting = l.receive();
    stream.breaks();
    expect(await waiting).toBeUndefined();
  });

  it("sends each message behind its length, in the order in which they were given", async () => {
    const { stream, lane: l } = lane();
    await Promise.all([l.send(Uint8Array.of(1, 2)), l.send(new Uint8Array(0)), l.send(Uint8Array.of(3))]);
    expect(stream.written).toEqual([...framed([1, 2]), ...framed([]), ...framed([3])]);
    await l.finish();
    expect(stream.ended).toBe(true);
    await expect(l.send(Uint8Array.of(4))).rejects.toThrow();
  });

  it.each([[[8], undefined], [[3], 3]])("takes numbers from 0 to 7: %j", async (said, number) => {
    const { stream, lane: l } = lane();
    stream.says(...said);
    expect(await l.welcome()).toBe(number);
    expect(stream.written).toEqual(number === undefined ? [] : said);
  });

  it("is not open where another number comes back", async () => {
    const { stream, lane: l } = lane();
    stream.says(1);
    await expect(l.greet(0)).rejects.toThrow();
  });
});

// ---- the session ----

class FakeTransport {
  static made: FakeTransport[] = [];
  static reachable = true;
  readonly ready: Promise<void>;
  readonly closed: Promise<unknown>;
  incoming!: ReadableStreamDefaultController<Stream>;
  readonly incomingBidirectionalStreams = new ReadableStream<Stream>({ start: (c) => void (this.incoming = c) });
  opened: Stream[] = [];
  over = 0;
  #end!: () => void;

  constructor(
    readonly url: string,
    readonly options: WebTransportOptions,
  ) {
    FakeTransport.made.push(this);
    this.ready = FakeTransport.reachable ? Promise.resolve() : new Promise((_, no) => (this.#refuse = no));
    this.closed = new Promise((done) => (this.#end = () => done({})));
  }

  #refuse: (e: Error) => void = () => {};

  async createBidirectionalStream() {
    const stream = new Stream();
    this.opened.push(stream);
    stream.says(0); // the number comes back
    return stream;
  }

  close() {
    this.over++;
    this.#refuse(new Error("closed"));
    this.#end();
  }
}

class FakeLink extends Emitter<{ channel: [RTCDataChannel]; state: [RTCPeerConnectionState]; closed: [] }> {
  carried: (readonly string[])[] = [];
  labels: string[] = [];
  closed = 0;
  webTransport: WebTransportServer | undefined = { port: 4433, path: "SECRETSECRETSECRET", certificate: new Uint8Array(32) };
  theirs = { type: "remote-candidate", candidateType: "host", address: "192.0.2.7" };
  others: object[] = [];

  carry(transports: readonly string[]) {
    this.carried.push(transports);
  }

  open(label: string) {
    this.labels.push(label);
    return { readyState: "open", bufferedAmount: 0, close() {} } as unknown as RTCDataChannel;
  }

  async getStats() {
    return new Map<string, unknown>([
      ["T", { type: "transport", selectedCandidatePairId: "P" }],
      ["P", { type: "candidate-pair", localCandidateId: "L", remoteCandidateId: "R" }],
      ["L", { type: "local-candidate", candidateType: "host" }],
      ["R", this.theirs],
      ...this.others.map((o, i): [string, unknown] => [`O${i}`, o]),
    ]);
  }

  close() {
    this.closed++;
    this.emit("closed");
  }
}

describe("a way to a program", () => {
  beforeEach(() => {
    FakeTransport.made = [];
    FakeTransport.reachable = true;
    vi.useFakeTimers();
    vi.stubGlobal("WebTransport", FakeTransport);
    vi.stubGlobal("location", { hostname: "192.168.1.2" });
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  function made() {
    const link = new FakeLink();
    return { link, way: new LinkWay(link as unknown as ParticipantLink) };
  }

  async function connect(link: FakeLink, way: LinkWay) {
    const up = way.connect(8000);
    link.emit("state", "connected");
    await vi.advanceTimersByTimeAsync(0);
    return up;
  }

  it("has streams for lanes where it reaches the program’s own address", async () => {
    const { link, way } = made();
    await connect(link, way);
    const [transport] = FakeTransport.made;
    expect(transport?.url).toBe("https://192.0.2.7:4433/SECRETSECRETSECRET");
    expect(transport?.options.serverCertificateHashes?.[0]?.value).toBe(link.webTransport?.certificate);
    expect([way.kind, link.carried, link.labels]).toEqual(["webtransport", [["webtransport"]], [""]]);
    await (await way.open()).send(Uint8Array.of(5));
    expect(transport?.opened[0]?.written).toEqual([0, ...framed([5])]);
  });

  it("takes the lanes that the program opens", async () => {
    const { link, way } = made();
    await way.look();
    const stream = new Stream();
    FakeTransport.made[0]?.incoming.enqueue(stream);
    stream.says(0, ...framed([1, 2]));
    expect(await (await way.accept())?.receive()).toEqual(Uint8Array.of(1, 2));
    expect(link.labels).toEqual([]);
  });

  it.each([
    ["a relay", { candidateType: "relay" }, []],
    ["a router", { candidateType: "srflx" }, []],
    ["an address that it did not tell", { candidateType: "prflx" }, []],
  ])("has channels behind %s, and says so", async (_, theirs, others) => {
    const { link, way } = made();
    Object.assign(link.theirs, theirs);
    link.others = others;
    await connect(link, way);
    expect([FakeTransport.made.length, way.kind]).toEqual([0, "datachannel"]);
    expect([link.carried, link.labels]).toEqual([[["webtransport"], []], ["", "lane-0"]]);
  });

  it("knows its own address also where a check brought it first, and IPv6", async () => {
    const { link, way } = made();
    Object.assign(link.theirs, { candidateType: "prflx", address: "2001:db8::7" });
    link.others = [{ type: "remote-candidate", candidateType: "host", address: "2001:db8::7" }];
    await connect(link, way);
    expect(FakeTransport.made[0]?.url).toBe("https://[2001:db8::7]:4433/SECRETSECRETSECRET");
  });

  it("tries every address of the program’s where the browser does not say which one it reached", async () => {
    const { link, way } = made();
    Object.assign(link.theirs, { candidateType: "prflx", address: "" });
    link.others = ["192.0.2.8", "192.0.2.9", "192.0.2.9"].map((address) => ({ type: "remote-candidate", candidateType: "host", address }));
    await connect(link, way);
    expect(FakeTransport.made.map((t) => new URL(t.url).hostname)).toEqual(["192.0.2.8", "192.0.2.9"]);
    expect(way.kind).toBe("webtransport");
  });

  it("has channels where nobody answers in time", async () => {
    const { link, way } = made();
    FakeTransport.reachable = false;
    const up = connect(link, way);
    await vi.advanceTimersByTimeAsync(1500);
    await up;
    expect([way.kind, link.carried.at(-1), link.labels]).toEqual(["datachannel", [], ["", "lane-0"]]);
  });

  it("ends with the session", async () => {
    const { link, way } = made();
    await connect(link, way);
    FakeTransport.made[0]?.close();
    await vi.advanceTimersByTimeAsync(0);
    expect(link.closed).toBe(1);
  });

  it("says nothing to a page", async () => {
    const { link, way } = made();
    link.webTransport = undefined;
    await connect(link, way);
    expect([FakeTransport.made.length, link.carried]).toEqual([0, [["webtransport"]]]);
  });
});

describe("what a browser would ask the person for", () => {
  afterEach(() => vi.unstubAllGlobals());

  it.each([
    ["10.1.2.3", true], ["192.168.0.9", true], ["172.31.0.1", true], ["172.32.0.1", false], ["100.64.0.1", true], ["127.0.0.1", true], ["[::1]", true],
    ["[fd00::2]", true], ["[2001:db8::1]", false], ["192.0.2.1", false], ["nas.local", true], ["nas", true], ["example.org", false],
  ])("%s is of one's own network: %s", (host, local) => expect(isLocal(host)).toBe(local));

  it.each([
    ["example.org", "192.168.0.9", "prompt", false],
    ["example.org", "192.168.0.9", "granted", true],
    ["example.org", "192.0.2.1", "prompt", true],
    ["192.168.0.1", "192.168.0.9", "prompt", true],
    ["example.org", "192.168.0.9", undefined, true],
  ])("from %s to %s, permission %s", async (page, host, state, may) => {
    vi.stubGlobal("location", { hostname: page });
    vi.stubGlobal("navigator", { permissions: { query: async () => { if (!state) throw new TypeError("unknown"); return { state }; } } });
    expect(await mayDial(host)).toBe(may);
  });
});

