import { describe, expect, it } from "vitest";
import type { LinkDetail, Overview, StreamDetail } from "../../sdk/src/protocol";
import { EventReader, flowOf, viewRooms } from "../src/adminlive";
import { around, curve, health, sinceWords, streamWords, thickness } from "../src/adminwords";

const stream = (bytes: number, packets: number, lost = 0): StreamDetail => ({ mid: "0", packets, bytes, lost });

describe("server-sent events", () => {
  it("come whole, however the network cuts them", () => {
    const text = 'event: overview\ndata: {"a":1}\n\n: comment\n\ndata: one\r\ndata: two\r\n\r\n';
    for (const size of [1, 2, 3, 7, 1000]) {
      const reader = new EventReader(), got: string[] = [];
      for (let i = 0; i < text.length; i += size) got.push(...reader.feed(text.slice(i, i + size)));
      expect(got).toEqual(['{"a":1}', "one\ntwo"]);
    }
  });
});

describe("flows", () => {
  it("are rates between two moments", () => {
    const f = flowOf([stream(250_000, 200, 2)], [stream(0, 2)], 2, [7]);
    expect(f.rate).toBe(1_000_000);
    expect(f.loss).toBeCloseTo(0.01);
    expect(f.history).toEqual([7, 1_000_000]);
  });

  it("are unknown at first, and never negative after a restart", () => {
    expect(flowOf([stream(9, 1)], undefined, 1, []).rate).toBe(0);
    expect(flowOf([stream(9, 1)], [stream(100, 10)], 1, []).rate).toBe(0);
  });

  it("keep a minute", () => {
    expect(flowOf([], [], 1, Array(60).fill(1)).history).toHaveLength(60);
  });
});

const link = (id: string, bytes: number): LinkDetail => ({ link: id, participant: "p1", up: true, rtt: 5, in: [stream(bytes, 1)], out: [], ackedRate: 0, loss: 0.5 });

const overview = (at: number, ...links: LinkDetail[]): Overview => ({
  at,
  server: { version: "", go: "", started: 0, cpuSeconds: 0, cores: 1, memoryBytes: 0, goroutines: 0, counters: {}, drops: {} },
  rooms: [{ room: "r", kind: "call", viewers: 0, participants: [{ id: "p1", name: "Ann", joinedAt: 0, connected: true, tracks: [] }], links }],
});

describe("rooms", () => {
  it("join an overview with the one before", () => {
    const first = overview(0, link("a", 0)), second = overview(1e6, link("a", 125), link("b", 1));
    const views = viewRooms(second, first, viewRooms(first, undefined, []))[0]!.links;
    expect(views.map((v) => [v.name, v.in.rate, v.out.loss])).toEqual([["Ann", 1000, 0.5], ["Ann", 0, 0.5]]);
  });
});

describe("the graph", () => {
  it("keeps people inside and apart", () => {
    for (const n of [1, 2, 3, 4, 7, 25]) {
      const points = around(n, 960, 430, { x: 150, y: 84 });
      expect(points).toHaveLength(n);
      for (const p of points) {
        expect(p.x).toBeGreaterThanOrEqual(149);
        expect(p.x).toBeLessThanOrEqual(811);
        expect(p.y).toBeGreaterThanOrEqual(83);
        expect(p.y).toBeLessThanOrEqual(347);
      }
      expect(new Set(points.map((p) => `${Math.round(p.x)},${Math.round(p.y)}`)).size).toBe(n);
    }
  });

  it("draws no edge to nowhere", () => {
    expect(curve({ x: 1, y: 1 }, { x: 1, y: 1 }, 10, 5, 5).path).not.toContain("NaN");
  });

  it("grows with the rate and has an end", () => {
    expect(thickness(0)).toBeLessThan(thickness(50e3));
    expect(thickness(50e3)).toBeLessThan(thickness(2e6));
    expect(thickness(1e12)).toBe(12);
  });

  it("is coloured by what people notice", () => {
    const flow = (loss: number) => ({ rate: 1, loss, history: [] });
    expect(health(flow(0), 20, true)).toBe("ok");
    expect(health(flow(0.02), 20, true)).toBe("warn");
    expect(health(flow(0), 300, true)).toBe("warn");
    expect(health(flow(0.2), 20, true)).toBe("fail");
    expect(health(flow(0), 0, false)).toBe("skip");
  });
});

it("a duration is said in two units at most", () => {
  expect([5, 65, 3700, 90_000].map((s) => sinceWords(0, s * 1000))).toEqual(["5 s", "1 min", "1 h 1 min", "1 d 1 h"]);
});

it("tells the encodings of one track apart", () => {
  const stream = { mid: "1", track: "t", packets: 9, bytes: 9, lost: 0, width: 320, height: 180 };
  expect(streamWords({ ...stream, codec: "AV1" })).toBe("AV1 320×180");
  expect(streamWords({ ...stream, mid: "9", codec: "VP8", backup: true })).toBe("VP8 320×180, backup");
});
