import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { SwitchyardError } from "../../sdk/src/index";
import { ApiError } from "../src/api";
import { browserOf, missingParts } from "../src/browser";
import { entryPath } from "../src/entry";
import { felt, peakOf } from "../src/level";
import { findRecent, forgetRecent, loadRecents, noteRecent, tokenEnd } from "../src/memory";
import { parseRoute, withCodec } from "../src/route";
import { testSamples, wave } from "../src/testsound";
import { lasting, when } from "../src/when";
import { hue, initials } from "../src/tiles";
import { deviceWords, endWords, invitationWords } from "../src/words";

it.each([["Grace Hopper", "GH"], ["plato", "P"], ["  ", "?"], ["Edsger W. Dijkstra", "ED"], ["😀 b", "😀B"]])(
  "%s is %s for short",
  (name, short) => expect(initials(name)).toBe(short),
);

it("gives everyone a colour of their own, always the same", () => {
  expect(hue("p-1")).toBe(hue("p-1"));
  expect(new Set(["p-1", "p-2", "p-3", "p-4"].map(hue)).size).toBe(4);
});

it.each([
  ["/", { page: "home" }],
  ["/i/abc", { page: "invitation", id: "abc" }],
  ["/r/a%20b/", { page: "room", room: "a b" }],
  ["/r/%E0%A4%A", { page: "room", room: "%E0%A4%A" }],
  ["/doctor", { page: "doctor" }],
  ["/admin/", { page: "admin" }],
  ["/r/", { page: "unknown" }],
  ["/x/y", { page: "unknown" }],
])("%s leads to its page", (path, route) => expect(parseRoute(path)).toEqual(route));

it.each([
  ["", "/r/a"],
  ["?codec=av1&from=mail", "/r/a?codec=av1"],
  ["?codec=a%26b", "/r/a?codec=a%26b"],
])("the way into a room keeps of %j what concerns the call", (search, want) => expect(withCodec("/r/a", search)).toBe(want));

describe("words", () => {
  const error = (code: SwitchyardError["code"], message = "") => new SwitchyardError(code, message);
  it("tell what to do", () => {
    expect(endWords(error("room-full"))).toMatchObject({ title: "The room is full", again: true });
    expect(endWords(error("removed", "Please mind the rules."))).toMatchObject({ text: "Please mind the rules.", again: false });
    expect(endWords(error("unauthorized")).text).toContain("new link");
    expect(endWords(new TypeError("x")).again).toBe(true);
    expect(invitationWords(error("not-found")).title).toContain("no longer valid");
    expect(invitationWords("expired").title).toContain("expired");
    expect(invitationWords(new ApiError("not-found", "", false, "used-up")).title).toContain("has been used");
    expect(invitationWords(new ApiError("limit", "Too many.", true)).again).toBe(true);
    expect(endWords(error("shutting-down"))).toMatchObject({ again: true });
    expect(invitationWords(error("unreachable")).again).toBe(true);
    expect(deviceWords(error("insecure"), "camera")).toContain("https://");
    for (const browser of ["chrome", "edge", "firefox", "safari", "ios", "android", "other"] as const) {
      expect(deviceWords(error("denied"), "microphone", browser)).toMatch(/microphone.* try again\.$/);
    }
  });
});

describe("what one types to get in", () => {
  const base = "https://meet.example/";
  it.each([
    ["https://meet.example/i/ABC", "/i/ABC"],
    [" https://elsewhere.example/r/calm-otter-421?x=1 ", "/r/calm-otter-421"],
    ["meet.example/i/ABC", "/i/ABC"],
    ["meet.example:8443/r/x", "/r/x"],
    ["/i/ABC", "/i/ABC"],
    ["i/ABC", "/i/ABC"],
    ["calm-otter-421", "/r/calm-otter-421"],
    ["Calm otter 421", "/r/calm-otter-421"],
    ["Board", "/r/Board"],
    ["ABCDEFGHIJKLMNOPQRSTUVWXYZ", "/i/ABCDEFGHIJKLMNOPQRSTUVWXYZ"],
  ])("%s leads to %s", (text, path) => expect(entryPath(text, base)).toBe(path));

  it.each(["", "?", "a/b", "https://meet.example/", "https://", "javascript:alert(1)", "-x", "x".repeat(65), "https://meet.example/doctor"])(
    "%s leads nowhere",
    (text) => expect(entryPath(text, base)).toBeUndefined(),
  );
});

describe("recent rooms", () => {
  const storage = () => {
    const kept = new Map<string, string>();
    return {
      getItem: (k: string) => kept.get(k) ?? null,
      setItem: (k: string, v: string) => void kept.set(k, v),
      removeItem: (k: string) => void kept.delete(k),
    };
  };
  beforeEach(() => {
    vi.stubGlobal("localStorage", storage());
    vi.stubGlobal("sessionStorage", storage());
  });
  afterEach(() => vi.unstubAllGlobals());

  it("are the latest first, once each, and not too many", () => {
    for (let i = 0; i < 12; i++) noteRecent(`r${i}`, {}, i);
    noteRecent("r9", { role: "host" }, 99);
    const rooms = loadRecents().map((r) => r.room);
    expect(rooms[0]).toBe("r9");
    expect(rooms).toHaveLength(8);
    expect(new Set(rooms).size).toBe(8);
  });

  it("keep how one gets in until that is forgotten", () => {
    noteRecent("r", { key: "k", token: "t" }, 1);
    noteRecent("r", { role: "host" }, 2);
    expect(findRecent("r")).toEqual({ room: "r", at: 2, role: "host", key: "k", token: "t" });
    forgetRecent("r", "token");
    expect(findRecent("r")).toEqual({ room: "r", at: 2, role: "host", key: "k" });
    forgetRecent("r");
    expect(loadRecents()).toEqual([]);
  });

  it.each(["nonsense", "{}", "null", '[5,null,{"room":1,"at":2}]'])("bear %s in the storage", (text) => {
    localStorage.setItem("switchyard:recent", text);
    expect(loadRecents()).toEqual([]);
  });
});

it("knows when a token ends, and bears what is none", () => {
  expect(tokenEnd(`x.${btoa(JSON.stringify({ exp: 1763900000 }))}.y`)).toBe(1_763_900_000_000);
  for (const token of ["", "x", "a.b.c", `x.${btoa("null")}.y`, `x.${btoa('{"exp":"soon"}')}.y`]) expect(tokenEnd(token)).toBe(0);
});

describe("browsers", () => {
  it.each([
    ["Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0 Safari/537.36", "chrome"],
    ["Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0 Safari/537.36 Edg/156.0", "edge"],
    ["Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0", "firefox"],
    ["Mozilla/5.0 (Macintosh; Intel Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15", "safari"],
    ["Mozilla/5.0 (iPhone; CPU iPhone OS 26) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile Safari/604.1", "ios"],
    ["Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0 Mobile Safari/537.36", "android"],
    ["", "other"],
  ])("%s is %s", (agent, browser) => expect(browserOf(agent)).toBe(browser));

  it("without the parts of a call are told apart", () => {
    class Peer { addTransceiver() {} }
    class Sender { replaceTrack() {} }
    const all = { WebSocket: Object, ResizeObserver: Object, RTCPeerConnection: Peer, RTCRtpSender: Sender };
    expect(missingParts(all)).toEqual([]);
    expect(missingParts({ ...all, RTCRtpSender: class {} })).toEqual(["replaceTrack"]);
    expect(missingParts({ ...all, RTCPeerConnection: class {} })).toEqual(["addTransceiver"]);
    expect(missingParts({})).toContain("RTCPeerConnection");
  });
});

describe("sound", () => {
  it("is felt in decibels", () => {
    expect(felt(0)).toBe(0);
    expect(felt(1)).toBe(1);
    expect(felt(0.1)).toBeCloseTo(0.6);
    expect(felt(0.0001)).toBe(0);
    expect(peakOf(new Float32Array([0.1, -0.5, 0.2]))).toBe(0.5);
  });

  it("of the test is a whole WAVE file that neither clips nor clicks", () => {
    const samples = testSamples();
    expect(peakOf(samples)).toBeGreaterThan(0.2);
    expect(peakOf(samples)).toBeLessThan(0.9);
    expect(Math.abs(samples[0] ?? 1)).toBeLessThan(0.01);
    expect(Math.abs(samples[samples.length - 1] ?? 1)).toBeLessThan(0.01);
    const file = wave(samples);
    const view = new DataView(file.buffer);
    expect(new TextDecoder().decode(file.subarray(0, 4))).toBe("RIFF");
    expect(view.getUint32(4, true)).toBe(file.length - 8);
    expect(view.getUint32(40, true)).toBe(2 * samples.length);
  });
});

it.each([[30e3, "just now"], [5 * 60e3, "5 minutes ago"], [3 * 3600e3, "3 hours ago"], [26 * 3600e3, "yesterday"], [400 * 86400e3, "Aug 27, 2024"]])(
  "%d ms ago is %s",
  (ago, words) => expect(when(Date.UTC(2025, 9, 1, 12) - ago, Date.UTC(2025, 9, 1, 12))).toBe(words),
);

it.each([[0, "expired"], [30e3, "for 1 minute"], [3600e3, "for 1 hour"], [7 * 86400e3, "for 7 days"]])("what lasts %d ms more is good %s", (left, words) => {
  expect(lasting(1e12 + left, 1e12)).toBe(words);
});
