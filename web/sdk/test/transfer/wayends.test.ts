// The ways of a page: over DataChannels, and over the relay's WebSocket.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Emitter } from "../../src/emitter";
import type { ParticipantLink } from "../../src/participantlink";
import { random, type Bytes } from "../../src/transfer/bytes";
import { LinkWay } from "../../src/transfer/linkway";
import { Keys } from "../../src/transfer/keys";
import { dialRelay, type RelayWay } from "../../src/transfer/relayway";

// ---- DataChannels ----

class FakeChannel {
  readyState: RTCDataChannelState = "connecting";
  bufferedAmount = 0;
  bufferedAmountLowThreshold = 0;
  binaryType = "";
  sent: Uint8Array[] = [];
  onopen: (() => void) | null = null;
  onclose: (() => void) | null = null;
  onmessage: ((e: { data: unknown }) => void) | null = null;
  onbufferedamountlow: (() => void) | null = null;

  constructor(readonly label: string) {}

  opens() {
    this.readyState = "open";
    this.onopen?.();
  }

  send(m: Uint8Array) {
    this.sent.push(m.slice());
    this.bufferedAmount += m.length;
  }

  drain() {
    this.bufferedAmount = 0;
    this.onbufferedamountlow?.();
  }

  close() {
    this.readyState = "closed";
    this.onclose?.();
  }
}

class FakeLink extends Emitter<{ channel: [RTCDataChannel]; state: [RTCPeerConnectionState]; closed: [] }> {
  state: RTCPeerConnectionState = "new";
  channels: FakeChannel[] = [];
  closed = 0;
  stats: { id: string; type: string; [field: string]: unknown }[] = [];

  open(label: string) {
    const channel = new FakeChannel(label);
    this.channels.push(channel);
    return channel as unknown as RTCDataChannel;
  }

  incoming(label: string) {
    const channel = new FakeChannel(label);
    channel.readyState = "open";
    this.emit("channel", channel as unknown as RTCDataChannel);
    return channel;
  }

  async getStats() {
    return new Map(this.stats.map((s) => [s.id, s]));
  }

  close() {
    this.closed++;
    this.emit("closed");
  }
}

function made() {
  const link = new FakeLink();
  return { link, way: new LinkWay(link as unknown as ParticipantLink) };
}

/** The link comes up; the channel is that of lane 0, behind the one that nobody uses. */
async function connected(link: FakeLink) {
  link.emit("state", "connected");
  await vi.advanceTimersByTimeAsync(0);
  const channel = link.channels[1]!;
  expect(link.channels.map((c) => c.label)).toEqual(["", "lane-0"]);
  channel.opens();
  return channel;
}

const pair = (local: string) => [
  { id: "T", type: "transport", selectedCandidatePairId: "P" },
  { id: "P", type: "candidate-pair", localCandidateId: "L", remoteCandidateId: "R" },
  { id: "L", type: "local-candidate", candidateType: local },
  { id: "R", type: "remote-candidate", candidateType: "host" },
];

describe("a way of DataChannels", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it.each([["host", true], ["relay", false]])("is up with its first lane, and knows %s candidates", async (candidate, direct) => {
    const { link, way } = made();
    link.stats = pair(candidate);
    const up = way.connect(8000);
    await connected(link);
    await up;
    expect(way.direct).toBe(direct);
    const lane = await way.open();
    await lane.send(Uint8Array.of(1, 2));
    expect(link.channels[1]?.sent).toEqual([Uint8Array.of(1, 2)]);
  });

  it("is not up when its time is over", async () => {
    const { link, way } = made();
    const up = expect(way.connect(8000)).rejects.toThrow();
    await vi.advanceTimersByTimeAsync(8000);
    await up;
    expect(link.closed).toBe(1);
  });

  it("waits while the channel is full", async () => {
    const { link, way } = made();
    const up = way.connect(8000);
    const channel = await connected(link);
    await up;
    const lane = await way.open();
    const m = new Uint8Array(65_536);
    let sent = 0;
    const all = (async () => {
      for (; sent < 100; sent++) await lane.send(m);
    })();
    await vi.advanceTimersByTimeAsync(10);
    expect(channel.sent.length).toBeLessThan(70);
    for (let i = 0; i < 4; i++) {
      channel.drain();
      await vi.advanceTimersByTimeAsync(10);
    }
    await all;
    expect(channel.sent.length).toBe(100);
  });

  it("gives lane 0 first, and no channels that are no lanes", async () => {
    const { link, way } = made();
    const one = link.incoming("lane-1");
    const other = link.incoming("chat");
    expect(other.readyState).toBe("closed");
    const first = way.accept();
    const zero = link.incoming("lane-0");
    zero.onmessage?.({ data: Uint8Array.of(0).buffer });
    one.onmessage?.({ data: Uint8Array.of(1).buffer });
    expect(await (await first)?.receive()).toEqual(Uint8Array.of(0));
    expect(await (await way.accept())?.receive()).toEqual(Uint8Array.of(1));
  });

  it("ends a lane by what is no message, behind what came before", async () => {
    const { link, way } = made();
    const zero = link.incoming("lane-0");
    const lane = await way.accept();
    zero.onmessage?.({ data: Uint8Array.of(5).buffer });
    zero.onmessage?.({ data: "text" });
    expect(await lane?.receive()).toEqual(Uint8Array.of(5));
    expect(await lane?.receive()).toBeUndefined();
    await expect(lane?.send(Uint8Array.of(1))).rejects.toThrow();
  });

  it("ends when the link was away for too long, not when it came back", async () => {
    const { link, way } = made();
    link.incoming("lane-0");
    const lane = await way.accept();
    link.emit("state", "disconnected");
    await vi.advanceTimersByTimeAsync(7000);
    link.emit("state", "connected");
    await vi.advanceTimersByTimeAsync(20_000);
    expect(link.closed).toBe(0);
    link.emit("state", "failed");
    await vi.advanceTimersByTimeAsync(8000);
    expect(link.closed).toBe(1);
    expect(await lane?.receive()).toBeUndefined();
    expect(await way.accept()).toBeUndefined();
  });

  it("closes behind what was sent", async () => {
    const { link, way } = made();
    const zero = link.incoming("lane-0");
    const lane = await way.accept();
    await lane?.send(new Uint8Array(100));
    way.close();
    await vi.advanceTimersByTimeAsync(500);
    expect(link.closed).toBe(0);
    zero.drain();
    await vi.advanceTimersByTimeAsync(200);
    expect(link.closed).toBe(1);
  });
});

// ---- the relay ----

/** Two WebSockets that the server joins. What goes over can be changed. */
class FakeSocket {
  static sockets: FakeSocket[] = [];
  static meddle: (m: Uint8Array, from: number, n: number) => Uint8Array | undefined = (m) => m;
  bufferedAmount = 0;
  binaryType = "";
  onopen: (() => void) | null = null;
  onclose: (() => void) | null = null;
  onmessage: ((e: { data: unknown }) => void) | null = null;
  #count = 0;
  #early: Uint8Array[] = [];
  readonly number = FakeSocket.sockets.length;

  constructor(
    readonly url: URL,
    readonly subprotocol: string,
  ) {
    FakeSocket.sockets.push(this);
    queueMicrotask(() => this.onopen?.());
    const other = this.other;
    if (other) queueMicrotask(() => other.#early.splice(0).forEach((m) => this.take(m)));
  }

  get other(): FakeSocket | undefined {
    return FakeSocket.sockets[this.number ^ 1];
  }

  send(data: ArrayBuffer | Uint8Array) {
    const m = FakeSocket.meddle(new Uint8Array(data instanceof ArrayBuffer ? data : data.slice().buffer), this.number, this.#count++);
    if (!m) return;
    if (this.other) this.other.take(m);
    else this.#early.push(m);
  }

  take(m: Uint8Array) {
    queueMicrotask(() => this.onmessage?.({ data: m.slice().buffer }));
  }

  close() {
    for (const s of [this, this.other]) queueMicrotask(() => s?.onclose?.());
  }
}

describe("a way through the relay", () => {
  let isk: Bytes;

  beforeEach(() => {
    FakeSocket.sockets = [];
    FakeSocket.meddle = (m) => m;
    isk = random(64);
    vi.stubGlobal("WebSocket", FakeSocket);
  });
  afterEach(() => void vi.unstubAllGlobals());

  async function both(): Promise<[RelayWay, RelayWay]> {
    const dial = async (side: "sender" | "receiver", peer: string) => dialRelay("https://example.org", "transfer-x", "secret", peer, await Keys.of(isk, side));
    const sender = dial("sender", "r-1");
    await vi.waitUntil(() => FakeSocket.sockets.length === 1);
    return Promise.all([sender, dial("receiver", "sender")]);
  }

  it("carries messages both ways, in order, that nobody else reads", async () => {
    const wire: Uint8Array[] = [];
    FakeSocket.meddle = (m) => (wire.push(m), m);
    const [s, r] = await both();
    expect(FakeSocket.sockets[0]?.url.href).toBe("wss://example.org/v1/relay/transfer-x?token=secret&peer=r-1");
    expect(FakeSocket.sockets[0]?.subprotocol).toBe("switchyard.relay.v1");
    const [a, b] = [await s.open(), await r.accept()];
    const messages = Array.from({ length: 20 }, (_, i) => new Uint8Array(1000 - 40 * i).fill(i));
    await Promise.all(messages.map((m) => a.send(m)));
    for (const m of messages) expect(await b?.receive()).toEqual(m);
    await b?.send(Uint8Array.of(7));
    expect(await a.receive()).toEqual(Uint8Array.of(7));
    expect(wire.slice(0, 2).map((m) => m.length)).toEqual([16, 16]);
    expect(wire.slice(2, 22).map((m) => m.length)).toEqual(messages.map((m) => m.length + 16));
    expect(wire.slice(2).some((m) => m.slice(0, 8).every((v) => v === m[0]))).toBe(false);
    expect([s.direct, s.kind]).toEqual([false, "relay"]);
  });

  it.each<[string, typeof FakeSocket.meddle]>([
    ["changed", (m, from, n) => (from === 0 && n === 2 && (m[3]! ^= 1), m)],
    ["left out", (m, from, n) => (from === 0 && n === 2 ? undefined : m)],
    ["cut", (m, from, n) => (from === 0 && n === 2 ? m.slice(0, 10) : m)],
  ])("ends where a message was %s", async (_how, meddle) => {
    FakeSocket.meddle = meddle;
    const [s, r] = await both();
    const [a, b] = [await s.open(), await r.accept()];
    await a.send(Uint8Array.of(1));
    await a.send(Uint8Array.of(2));
    await a.send(Uint8Array.of(3)).catch(() => {});
    expect(await b?.receive()).toEqual(Uint8Array.of(1));
    expect(await b?.receive()).toBeUndefined();
    expect(await r.accept()).toBeUndefined();
    expect(await a.receive()).toBeUndefined();
  });

  it("fails where the other end does not come", async () => {
    const keys = await Keys.of(isk, "sender");
    const dialled = dialRelay("https://example.org", "x", "t", "r-1", keys);
    await vi.waitUntil(() => FakeSocket.sockets.length === 1);
    FakeSocket.sockets[0]?.close();
    await expect(dialled).rejects.toThrow();
  });

  it("takes nothing of an earlier connection", async () => {
    const old: Uint8Array[] = [];
    FakeSocket.meddle = (m, from) => (from === 0 && old.push(m), m);
    const [s, r] = await both();
    await (await s.open()).send(Uint8Array.of(9));
    expect(await (await r.accept())?.receive()).toEqual(Uint8Array.of(9));
    FakeSocket.sockets = [];
    FakeSocket.meddle = (m, from, n) => (from === 0 ? old[n] : m); // the server plays it again
    const [again, other] = await both();
    void (await again.open()).send(Uint8Array.of(1)).catch(() => {});
    expect(await (await other.accept())?.receive()).toBeUndefined();
  });
});
