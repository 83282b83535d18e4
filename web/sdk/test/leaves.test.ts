// The leaves: pure functions and small classes.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { captureError } from "../src/capture";
import { fewCodecs, fewExtensions } from "../src/codec";
import { Emitter } from "../src/emitter";
import { SwitchyardError } from "../src/error";
import { decodeFrame, encodeFrame } from "../src/frame";
import { Outbox } from "../src/outbox";
import { Meter } from "../src/report";
import { roomSocketURL } from "../src/socket";
import { backoff } from "../src/wake";
import { Wishes } from "../src/wishes";

describe("header extensions", () => {
  const uris = { mid: "urn:ietf:params:rtp-hdrext:sdes:mid", rid: "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id", capture: "http://x/abs-capture-time", space: "http://x/color-space" };

  /** What is asked of a browser that has some off already. */
  function asked(way: "send" | "receive", simulcast: boolean) {
    let list: { uri: string; direction: RTCRtpTransceiverDirection }[] = [];
    const transceiver = {
      getHeaderExtensionsToNegotiate: () => Object.entries(uris).map(([name, uri]) => ({ uri, direction: name === "rid" || name === "capture" ? "stopped" : "sendrecv" })),
      setHeaderExtensionsToNegotiate: (wanted: typeof list) => void (list = wanted),
    };
    fewExtensions(transceiver as unknown as RTCRtpTransceiver, way, simulcast);
    return Object.entries(uris).flatMap(([name, uri]) => (list.find((e) => e.uri === uri)?.direction === "stopped" ? [] : [name]));
  }

  it("that name layers come back where a first offer went without them", () => {
    expect(asked("send", true)).toEqual(["mid", "rid"]);
  });

  it("that are not used are left out", () => {
    expect(asked("send", false)).toEqual(["mid"]);
    expect(asked("receive", false)).toEqual(["mid"]);
  });
});

describe("frames", () => {
  it("come out as they went in", () => {
    const frame = encodeFrame({ to: ["zoë"], topic: "t" }, new Uint8Array([9, 8]));
    expect(frame[0]).toBe(0);
    expect(decodeFrame(frame.buffer)).toEqual({ header: { to: ["zoë"], topic: "t" }, payload: new Uint8Array([9, 8]) });
  });

  it.each([[[]], [[0]], [[0, 5, 123]], [[0, 2, 123, 123]], [[0, 2, 123, 125]], [[0, 4, 110, 117, 108, 108]], [[0, 1, 255]]])(
    "refuses %j",
    (bytes) => expect(decodeFrame(new Uint8Array(bytes).buffer)).toBeUndefined(),
  );

  it("refuses a sender that is no name", () => {
    const json = new TextEncoder().encode('{"topic":"t","from":5}');
    expect(decodeFrame(new Uint8Array([0, json.length, ...json]).buffer)).toBeUndefined();
  });

  it("bears random bytes", () => {
    let seed = 7;
    for (let i = 0; i < 5000; i++) {
      const bytes = Uint8Array.from({ length: i % 40 }, () => (seed = Math.imul(seed, 48271) & 0x7fffffff) & 0xff);
      if (bytes.length > 1) bytes[0] = 0;
      decodeFrame(bytes.buffer);
    }
  });
});

describe("codecs", () => {
  const codec = (mimeType: string, sdpFmtpLine?: string): RTCRtpCodec => ({ mimeType, clockRate: 90000, sdpFmtpLine });
  const chromium = [
    codec("video/VP8"),
    codec("video/rtx"),
    codec("video/VP9", "profile-id=2"),
    codec("video/VP9", "profile-id=0"),
    codec("video/H264", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f"),
    codec("video/H264", "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f"),
    codec("video/H264", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"),
    codec("video/AV1", "level-idx=5;profile=1;tier=0"),
    codec("video/AV1", "level-idx=5;profile=0;tier=0"),
    codec("video/red"),
    codec("video/ulpfec"),
  ];
  const name = (c: RTCRtpCodec) => `${c.mimeType} ${c.sdpFmtpLine ?? ""}`.trim();

  it("keeps one of each that is forwarded, and their repair", () => {
    expect(fewCodecs("video", chromium).map(name)).toEqual([
      "video/VP8",
      "video/H264 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
      "video/VP9 profile-id=0",
      "video/AV1 level-idx=5;profile=0;tier=0",
      "video/rtx",
    ]);
  });

  it("puts a wished one first", () => {
    expect(fewCodecs("video", chromium, "AV1")[0]?.mimeType).toBe("video/AV1");
    expect(fewCodecs("video", chromium, "hevc")[0]?.mimeType).toBe("video/VP8");
  });

  it("does with what a browser has", () => {
    expect(fewCodecs("video", [codec("video/VP8")]).map(name)).toEqual(["video/VP8"]);
    expect(fewCodecs("audio", [codec("audio/opus"), codec("audio/PCMU")]).map(name)).toEqual(["audio/opus"]);
  });

  it("asks for redundant sound where the browser knows it", () => {
    const firefox = [codec("audio/opus"), codec("audio/G722")];
    expect(fewCodecs("audio", [...firefox, codec("audio/red", "111/111")]).map((c) => c.mimeType)).toEqual(["audio/red", "audio/opus"]);
  });
});

describe("the outbox", () => {
  const ping = () => ({ type: "ping" as const, body: {} });
  it("numbers from after its start and forgets what was acknowledged", () => {
    const box = new Outbox(1);
    for (let i = 0; i < 4; i++) box.add(ping());
    expect(box.unacknowledged.map((m) => m.seq)).toEqual([2, 3, 4, 5]);
    box.acknowledge(3);
    box.acknowledge(2); // late
    expect(box.unacknowledged.map((m) => m.seq)).toEqual([4, 5]);
    box.acknowledge(99);
    box.add(ping());
    expect(box.unacknowledged.map((m) => m.seq)).toEqual([6]);
  });
});

describe("reports", () => {
  const inbound = (packetsLost: number, packetsReceived: number, freezeCount: number) => ({ type: "inbound-rtp", packetsLost, packetsReceived, freezeCount });
  it("say what changed since the last one", () => {
    const meter = new Meter();
    const pair = { type: "candidate-pair", nominated: true, availableOutgoingBitrate: 1e6, currentRoundTripTime: 0.0123 };
    expect(meter.report([inbound(0, 100, 0), pair])).toEqual({ cpu: "nominal", loss: 0, uplink: 1e6, rtt: 12.3 });
    expect(meter.report([inbound(10, 190, 2)])).toEqual({ cpu: "nominal", loss: 0.1, freezes: 2 });
    expect(meter.report([inbound(10, 190, 2)])).toEqual({ cpu: "nominal" });
  });

  it("bear what a browser leaves out, counts down or gets wrong", () => {
    const meter = new Meter();
    meter.report([inbound(50, 100, 3)]);
    expect(meter.report([{ type: "inbound-rtp", packetsLost: "many", packetsReceived: NaN }])).toEqual({ cpu: "nominal" });
    expect(meter.report([{ type: "outbound-rtp", qualityLimitationReason: "cpu" }]).cpu).toBe("serious");
  });
});

describe("wishes", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("are sent once for many changes, in order of importance, and only when they differ", () => {
    const sent: string[] = [];
    const rank = (t: string) => (t === "screen" ? 0 : 1);
    const wishes = new Wishes((s) => sent.push(JSON.stringify(s)), (a, b) => rank(a) - rank(b));
    wishes.set({ track: "A", width: 10, height: 10 });
    wishes.set({ track: "A", width: 20, height: 20 });
    wishes.set({ track: "screen", pinned: true });
    vi.advanceTimersByTime(150);
    wishes.changed();
    vi.advanceTimersByTime(150);
    expect(sent).toEqual(['{"wishes":[{"track":"screen","pinned":true},{"track":"A","width":20,"height":20}],"auto":true}']);
    wishes.delete("A");
    wishes.delete("screen");
    vi.advanceTimersByTime(150);
    expect(sent[1]).toBe('{"wishes":[],"auto":true}');
  });
});

describe("addresses", () => {
  it.each([
    ["https://host/r/standup?x#y", "wss://host/v1/rooms/standup"],
    ["http://localhost:8080/r/a.b/", "ws://localhost:8080/v1/rooms/a.b"],
    ["wss://host/v1/rooms/a", "wss://host/v1/rooms/a"],
  ])("%s", (from, to) => expect(roomSocketURL(from).href).toBe(to));

  it("may be relative to the page", () => {
    expect(roomSocketURL("/r/a", "https://host/x").href).toBe("wss://host/v1/rooms/a");
  });
});

it("waits longer with each try, up to 2 s, never all at once", () => {
  expect([0, 1, 2, 3, 9].map((n) => backoff(n, () => 1))).toEqual([250, 500, 1000, 2000, 2000]);
  expect(backoff(9, () => 0)).toBe(1000);
});

it("an emitter's listener may go while it is told", () => {
  const emitter = new Emitter<{ x: [number] }>();
  const got: number[] = [];
  const off = emitter.on("x", (n) => (got.push(n), off()));
  emitter.once("x", (n) => got.push(n * 10));
  emitter.emit("x", 1);
  emitter.emit("x", 2);
  expect(got).toEqual([1, 10]);
  expect(emitter.heard("x")).toBe(false);
});

describe("a device's refusal", () => {
  const named = (name: string) => Object.assign(new Error("x"), { name });
  it.each([
    ["NotAllowedError", "denied"],
    ["NotFoundError", "no-device"],
    ["OverconstrainedError", "no-device"],
    ["NotReadableError", "device-busy"],
    ["TypeError", "internal"],
  ])("%s is %s", (name, code) => expect(captureError(named(name), "camera").code).toBe(code));

  it("keeps an error of ours", () => {
    const e = new SwitchyardError("insecure", "https");
    expect(captureError(e, "camera")).toBe(e);
  });
});
