import { describe, expect, it } from "vitest";
import type { LinkStats, SlotStats, Track } from "../../sdk/src/index";
import { keep, Sampler, samplesKept, type Sample } from "../src/linkhistory";
import { axisEnd, encodingWords, limitWords, line, slotWords } from "../src/linkwords";

const server: LinkStats = { estimate: 2e6, target: 1.8e6, wanted: 3e6, sent: 1e6, acked: 9e5, queue: 4, loss: 0.02, rtt: 23, limit: "delay", slots: [] };

/** Statistics as a browser gives them after so many seconds of 100 kB received and 50 kB sent in each. */
function stats(seconds: number) {
  return [
    { id: "p", type: "candidate-pair", nominated: true, currentRoundTripTime: 0.05, availableOutgoingBitrate: 700_000 },
    { id: "i", type: "inbound-rtp", kind: "video", mid: "5", bytesReceived: seconds * 100_000, packetsReceived: seconds * 98, packetsLost: seconds * 2, frameWidth: 640, frameHeight: 360, framesPerSecond: 30 },
    { id: "o1", type: "outbound-rtp", kind: "video", mid: "0", rid: "q", active: true, bytesSent: seconds * 50_000, targetBitrate: 400_000, frameWidth: 320, frameHeight: 180, framesPerSecond: 29.6, qualityLimitationReason: "none" },
    { id: "o2", type: "outbound-rtp", kind: "video", mid: "0", rid: "f", active: false, bytesSent: 0 },
    { id: "r", type: "remote-inbound-rtp", fractionLost: 0.03, roundTripTime: 0.06 },
  ];
}

describe("samples of the link", () => {
  it("have rates from the second on", () => {
    const s = new Sampler();
    expect(s.sample(1000, stats(1), undefined).receiving.rate).toBeUndefined();
    const second = s.sample(3000, stats(3), server);
    expect(second.receiving).toEqual({ rate: 800_000, estimate: 2e6, target: 1.8e6, queue: 4, loss: 0.02, rtt: 23 });
    expect(second.sending).toEqual({ rate: 400_000, estimate: 700_000, target: 400_000, loss: 0.03, rtt: 60 });
    expect(second.encodings.map((e) => [e.rid, e.active, e.rate])).toEqual([["q", true, 400_000], ["f", false, 0]]);
    expect(second.arriving.get("5")).toEqual({ width: 640, height: 360, fps: 30 });
  });

  it("fall back on what the browser knows where the server is silent", () => {
    const s = new Sampler();
    s.sample(1000, stats(1), undefined);
    expect(s.sample(2000, stats(2), undefined).receiving).toEqual({ rate: 800_000, estimate: undefined, target: undefined, queue: undefined, loss: 0.02, rtt: 50 });
  });

  it("begin anew with a new link, which counts from zero", () => {
    const s = new Sampler();
    s.sample(1000, stats(60), server);
    expect(s.sample(2000, stats(1), server).receiving.rate).toBeUndefined();
    expect(s.sample(3000, stats(2), server).receiving.rate).toBe(800_000);
  });

  it("are kept for a minute", () => {
    let all: Sample[] = [];
    const s = new Sampler();
    for (let i = 0; i < 100; i++) all = keep(all, s.sample(i * 1000, stats(i), server));
    expect(all).toHaveLength(samplesKept);
    expect(all.at(-1)?.at).toBe(99_000);
  });
});

describe("words about pictures", () => {
  const track: Track = { id: "t", participant: "bob", kind: "video", source: "camera" };
  const slot: SlotStats = { mid: "5", kind: "video", track: "t", rate: 1_200_000, width: 1280, height: 720 };

  it.each<[string, Partial<SlotStats>, Partial<Track>, string]>([
    ["one that flows", {}, {}, "1280×720, 30 fps, 1.2 Mbit/s"],
    ["one with less frames", { temporals: 1, temporalsOf: 3 }, {}, "1280×720, 30 fps, fewer frames, 1.2 Mbit/s"],
    ["one with all of them", { temporals: 3, temporalsOf: 3 }, {}, "1280×720, 30 fps, 1.2 Mbit/s"],
    ["one in its own codec", { codec: "AV1" }, { codec: "AV1" }, "1280×720, 30 fps, 1.2 Mbit/s"],
    ["a backup", { codec: "VP8" }, { codec: "AV1" }, "1280×720, 30 fps, VP8 instead of AV1, 1.2 Mbit/s"],
    ["one that does not fit", { paused: "bandwidth" }, {}, "Paused: not enough bandwidth. It comes back by itself when there is more."],
    ["one that cannot be decoded", { paused: "codec" }, {}, "Not played: your browser cannot decode it."],
    ["one that is off", { paused: "no-media" }, { muted: true }, "Off at their side."],
    ["a size that only the browser knows", { width: 0, height: 0 }, {}, "640×360, 30 fps, 1.2 Mbit/s"],
  ])("%s", (_, s, t, want) => expect(slotWords({ ...slot, ...s }, { ...track, ...t }, { width: 640, height: 360, fps: 30 })).toBe(want));

  it("of ours", () => {
    const e = { id: "o", mid: "0", rid: "f", active: true, width: 1280, height: 720, fps: 30, rate: 900_000, limit: "" };
    expect(encodingWords(e)).toBe("1280×720, 30 fps, 900 kbit/s");
    expect(encodingWords({ ...e, limit: "cpu" })).toBe("1280×720, 30 fps, 900 kbit/s, held back by this device");
    expect(encodingWords({ ...e, active: false })).toBe("Off: nobody needs it.");
    expect(encodingWords({ ...e, rate: 0 })).toMatch(/^Nothing is sent/);
    expect(encodingWords({ ...e, rate: 0, limit: "bandwidth" })).toBe("Paused: not enough bandwidth.");
  });

  it("say only of unusual limits", () => {
    expect(limitWords("delay")).toBe("");
    expect(limitWords("max")).toBe("");
    expect(limitWords("loss")).toMatch(/lost/);
  });
});

describe("charts", () => {
  it("end at a round number above all values", () => {
    expect(axisEnd([undefined, 3], 50)).toBe(50);
    expect(axisEnd([120_000, 970_000], 100_000)).toBe(1_000_000);
    expect(axisEnd([1_000_001], 100_000)).toBe(2_000_000);
    expect(axisEnd([4_900_000], 100_000)).toBe(5_000_000);
  });

  it("draw the newest at the right edge, with gaps for what is not known", () => {
    expect(line([0, 100, undefined, 50], 4, 100, 300, 50)).toBe("M0 50L100 0M300 25");
    expect(line([], 60, 100, 300, 50)).toBe("");
    expect(line([500], 60, 100, 300, 50)).toBe("M300 0");
  });
});
