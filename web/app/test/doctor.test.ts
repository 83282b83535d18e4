import { describe, expect, it } from "vitest";
import { candidatesOf, isOffered, keepCandidates, question, sequence, turnServers, ways } from "../src/doctorlink";
import { judgeClock, judgeDeviceError, judgeEcho, judgeNAT, judgeSpeed, worst } from "../src/doctorwords";

const udp = "a=candidate:1 1 udp 2130706431 192.0.2.7 8443 typ host";
const tcp6 = "a=candidate:2 1 tcp 1 2001:db8::7 8443 typ host tcptype passive";
const sdp = ["v=0", udp, tcp6, "a=candidate:3 1 udp x", "a=end", ""].join("\r\n");
const way = (id: string) => ways.find((w) => w.id === id)!;

describe("candidates", () => {
  it("are read, and bad ones left out", () => {
    expect(candidatesOf(sdp)).toEqual([
      { address: "192.0.2.7", port: 8443, tcp: false, six: false },
      { address: "2001:db8::7", port: 8443, tcp: true, six: true },
    ]);
  });

  it("leave one way only", () => {
    expect(keepCandidates(sdp, way("tcp-ipv6"))).toBe(["v=0", tcp6, "a=end", ""].join("\r\n"));
    const link = { sdp, seconds: 30 };
    expect(ways.filter((w) => isOffered(w, link)).map((w) => w.id)).toEqual(["udp-ipv4", "tcp-ipv6"]);
  });

  it("of TURN are told apart by transport", () => {
    const servers = [{ urls: ["turn:a:1?transport=udp", "turn:a:1?transport=tcp", "turns:a:1?transport=tcp"], username: "u", credential: "c" }];
    expect(turnServers(way("turn-tcp"), servers)).toEqual([{ urls: ["turn:a:1?transport=tcp"], username: "u", credential: "c" }]);
    expect(turnServers(way("turn-tls"), servers)[0]?.urls).toEqual(["turns:a:1?transport=tcp"]);
  });
});

it("a question carries its number and the length of its answer", () => {
  const q = question(1000, 16384, 77);
  expect([q.byteLength, new DataView(q).getUint32(0), sequence(q)]).toEqual([1000, 16384, 77]);
  expect(sequence(new ArrayBuffer(15))).toBeUndefined();
});

describe("judgements", () => {
  const trips = (n: number, ms: number) => Array<number>(n).fill(ms);

  it("of round trips", () => {
    expect(judgeEcho({ sent: 100, trips: trips(100, 20) }).state).toBe("ok");
    expect(judgeEcho({ sent: 100, trips: trips(95, 20) }).state).toBe("warn");
    expect(judgeEcho({ sent: 100, trips: trips(60, 20) }).state).toBe("fail");
    expect(judgeEcho({ sent: 100, trips: trips(100, 700) }).text).toContain("each other's words");
    expect(judgeEcho({ sent: 10, trips: [] }).state).toBe("fail");
    expect(judgeEcho({ sent: 100, trips: trips(100, 20).map((t, i) => t + (i % 2) * 60) }).text).toContain("varies");
  });

  it("of speed and clock", () => {
    expect([100e3, 900e3, 20e6].map((up) => judgeSpeed("It carries", 50e6, up).state)).toEqual(["fail", "warn", "ok"]);
    expect([5, -4000, 60_000].map((offset) => judgeClock(offset, 1).state)).toEqual(["ok", "warn", "fail"]);
    expect(judgeClock(-4000, 1).text).toContain("4.0 s behind");
    expect(judgeClock(4000, 3000).state).toBe("ok"); // may as well be right
  });

  it("of the NAT say what cannot be known", () => {
    const seen = (...pairs: [string, string][]) => new Map(pairs);
    expect(judgeNAT(seen(), 0, new Set()).text).toContain("no STUN");
    expect(judgeNAT(seen(), 1, new Set()).state).toBe("skip");
    expect(judgeNAT(seen(["a", "203.0.113.9:5"]), 1, new Set()).text).toContain("cannot be known");
    expect(judgeNAT(seen(["a", "203.0.113.9:5"], ["b", "203.0.113.9:5"]), 2, new Set()).text).toContain("to everybody");
    expect(judgeNAT(seen(["a", "203.0.113.9:5"], ["b", "203.0.113.9:6"]), 2, new Set()).state).toBe("warn");
    expect(judgeNAT(seen(["a", "10.0.0.2:5"]), 1, new Set(["10.0.0.2"])).text).toContain("no NAT");
  });

  it("of devices say what to do", () => {
    for (const name of ["NotAllowedError", "NotFoundError", "NotReadableError", "Other"]) {
      const r = judgeDeviceError(Object.assign(new Error(), { name }));
      expect([r.state, (r.fix ?? "").length > 10]).toEqual(["fail", true]);
    }
  });

  it("the worst counts, and what was not looked at does not", () => {
    const f = (state: "ok" | "warn" | "fail" | "skip") => ({ id: "", group: "", title: "", text: "", state });
    expect(worst([f("ok"), f("skip")])).toBe("ok");
    expect(worst([f("ok"), f("warn"), f("skip")])).toBe("warn");
    expect(worst([f("fail"), f("warn")])).toBe("fail");
  });
});
