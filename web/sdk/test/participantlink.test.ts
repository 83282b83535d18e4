import { beforeEach, describe, expect, it } from "vitest";
import type { ParticipantLink } from "../src/participantlink";
import { ParticipantLinks } from "../src/participantlinks";
import type { Signal } from "../src/protocol";
import { asPeer, FakePeer } from "./peer";
import { settle } from "./server";

/** One end: what it said is kept until the test carries it over. */
class End {
  peers: FakePeer[] = [];
  said: Signal[] = [];
  opened: ParticipantLink[] = [];
  accepts = true;
  gone = false;
  links: ParticipantLinks;

  constructor(readonly id: string) {
    const say = (signal: Signal) => void this.said.push(signal);
    this.links = new ParticipantLinks(
      (config) => {
        const peer = new FakePeer(config);
        this.peers.push(peer);
        return asPeer(peer);
      },
      {
        describe: async (signal) => {
          if (this.gone) throw new Error("not-found");
          say(signal);
        },
        trickle: say,
      },
      () => id,
      (link) => {
        this.opened.push(link);
        return this.accepts;
      },
    );
  }

  get peer(): FakePeer {
    const peer = this.peers[0];
    if (!peer) throw new Error("no connection");
    return peer;
  }
}

let a: End;
let b: End; // the greater id: polite

beforeEach(() => {
  a = new End("a");
  b = new End("b");
});

/** Carries everything over until both are silent, as the server would. */
async function carry() {
  await settle();
  for (let i = 0; i < 10 && a.said.length + b.said.length > 0; i++) {
    const [fromA, fromB] = [a.said.splice(0), b.said.splice(0)];
    for (const s of fromA) b.links.receive({ ...s, to: undefined, from: "a" });
    for (const s of fromB) a.links.receive({ ...s, to: undefined, from: "b" });
    await settle();
  }
}

const kinds = (end: End) => end.peer.remote.map((d) => d.type);

describe("a link between participants", () => {
  it("is offered by who opens a channel and answered by the other", async () => {
    a.links.open("b", "file").open("bulk");
    await carry();
    expect(b.opened.map((l) => [l.name, l.peer, l.polite])).toEqual([["file", "a", true]]);
    expect([kinds(a), kinds(b)]).toEqual([["answer"], ["offer"]]);
    expect(a.links.open("b", "file")).toBe(a.links.open("b", "file"));
  });

  it("survives both offering at once: the polite end gives way", async () => {
    a.links.open("b", "file").open("x");
    b.links.open("a", "file").open("y");
    await carry();
    expect(kinds(b)).toEqual(["offer"]); // b took a's offer
    expect(kinds(a)).toEqual(["answer"]); // a ignored b's and got an answer
    expect([a.peer.signalingState, b.peer.signalingState]).toEqual(["stable", "stable"]);
  });

  it("trickles candidates both ways", async () => {
    a.links.open("b", "file").open("x");
    await carry();
    const candidate = { toJSON: () => ({ candidate: "c1", sdpMid: "0" }) } as unknown as RTCIceCandidate;
    a.peer.onicecandidate?.({ candidate });
    b.peer.onicecandidate?.({ candidate: null });
    await carry();
    expect(b.peer.candidates).toMatchObject([{ candidate: "c1", sdpMid: "0" }]);
    expect(a.peer.candidates).toMatchObject([{ candidate: "" }]);
  });

  it("can be refused", async () => {
    b.accepts = false;
    const link = a.links.open("b", "file");
    let closed = 0;
    link.on("closed", () => closed++);
    link.open("x");
    await carry();
    expect(closed).toBe(1);
    expect([a.peer.closed, b.peer.closed]).toEqual([true, true]);
  });

  it("ends on both ends when one closes it, and when its peer leaves", async () => {
    const link = a.links.open("b", "file");
    link.open("x");
    await carry();
    link.close();
    await carry();
    expect(b.peer.closed).toBe(true);
    expect(a.links.states()).toEqual({});

    const second = a.links.open("b", "two");
    a.links.left("b");
    expect(second.state).toBe("new");
    expect(a.peers[1]?.closed).toBe(true);
  });

  it("ends when the other end is not there", async () => {
    a.gone = true;
    a.links.open("b", "file").open("x");
    await settle();
    expect(a.peer.closed).toBe(true);
  });

  it("restarts ICE when it fails or is told", async () => {
    a.links.open("b", "file").open("x");
    await carry();
    a.peer.become("failed");
    a.links.restart("file");
    expect(a.peer.restarts).toBe(2);
    expect(a.links.states()).toEqual({ file: "failed" });
  });

  it("uses the ICE servers that came for it", () => {
    a.links.setICEServers("file", [{ urls: ["stun:x"] }]);
    a.links.open("b", "file");
    expect(a.peer.config.iceServers).toEqual([{ urls: ["stun:x"] }]);
    a.links.setICEServers("file", [{ urls: ["stun:y"] }]);
    expect(a.peer.configs[0]?.iceServers).toEqual([{ urls: ["stun:y"] }]);
  });

  it("uses those of all links where none came for it", () => {
    a.links.setICEServers("", [{ urls: ["stun:all"] }]);
    a.links.open("b", "file");
    expect(a.peer.config.iceServers).toEqual([{ urls: ["stun:all"] }]);
    a.links.setICEServers("", [{ urls: ["stun:fresh"] }]);
    expect(a.peer.configs.at(-1)?.iceServers).toEqual([{ urls: ["stun:fresh"] }]);
    a.links.setICEServers("file", [{ urls: ["stun:own"] }]);
    a.links.setICEServers("", [{ urls: ["stun:late"] }]);
    expect(a.peer.configs.at(-1)?.iceServers).toEqual([{ urls: ["stun:own"] }]);
  });

  it("says what it can carry with each description, and when that changes", async () => {
    const link = a.links.open("b", "file");
    link.carry(["webtransport"]);
    expect(a.said).toEqual([]);
    link.open("x");
    await settle();
    expect(a.said).toMatchObject([{ description: { type: "offer" }, transports: ["datachannel", "webtransport"] }]);
    link.carry([]);
    expect(a.said.at(-1)).toEqual({ link: "file", to: "b", transports: ["datachannel"] });
  });

  const print = Array.from({ length: 32 }, (_, i) => i.toString(16).padStart(2, "0").toUpperCase()).join(":");
  const answers = { transports: ["quic", "webtransport"], webTransport: { port: 4433, path: "ABCDEFGHIJKLMNOPQRSTUVWXYZ" } };
  it.each([
    ["it says so", answers, print, true],
    ["it does not name it", { ...answers, transports: ["quic"] }, print, false],
    ["the port is none", { ...answers, webTransport: { ...answers.webTransport, port: 65_536 } }, print, false],
    ["the path is more than a name", { ...answers, webTransport: { ...answers.webTransport, path: "../../../../../../x?y" } }, print, false],
    ["the fingerprint is cut", answers, print.slice(3), false],
  ])("knows where the other end answers WebTransport: %s", async (_, signal, fingerprint, known) => {
    b.links.receive({ ...signal, link: "file", from: "a", description: { type: "offer", sdp: `v=0\r\na=fingerprint:sha-256 ${fingerprint}\r\n` } });
    await settle();
    const server = { port: 4433, path: "ABCDEFGHIJKLMNOPQRSTUVWXYZ", certificate: Uint8Array.from({ length: 32 }, (_, i) => i) };
    expect(b.opened[0]?.webTransport).toEqual(known ? server : undefined);
  });

  it("is not opened by anything but an offer", async () => {
    b.links.receive({ link: "file", from: "a", candidate: { candidate: "c" } });
    b.links.receive({ link: "file", from: "a", close: true });
    b.links.receive({ link: "file", description: { type: "offer", sdp: "x" } });
    await settle();
    expect(b.peers).toEqual([]);
  });
});

describe("sealed signals", () => {
  /** Seals by turning the text round, later the shorter it is: order must not depend on that. */
  const sealer = {
    seal: async (to: string, link: string, text: string) => {
      for (let i = 0; i < 300 - text.length; i++) await Promise.resolve();
      return [to, link, ...[...text].reverse()].join("|");
    },
    open: async (_from: string, link: string, sealed: string) => {
      const [, name, ...letters] = sealed.split("|");
      return name === link ? letters.reverse().join("") : undefined;
    },
  };

  function ends() {
    const said: Signal[] = [];
    const peers: FakePeer[] = [];
    const make = (id: string) =>
      new ParticipantLinks(
        (config) => {
          const peer = new FakePeer(config);
          peers.push(peer);
          return asPeer(peer);
        },
        { describe: async (s) => void said.push(s), trickle: (s) => void said.push(s) },
        () => id,
        () => true,
        sealer,
      );
    return { said, peers, a: make("a"), b: make("b") };
  }

  it("hide all but the address, and keep their order", async () => {
    const { said, peers, a, b } = ends();
    a.open("b", "file").open("x");
    await settle();
    const candidate = (c: string) => ({ toJSON: () => ({ candidate: c, sdpMid: "0" }) }) as unknown as RTCIceCandidate;
    for (const c of ["candidate number one, which is long", "2", ""]) peers[0]?.onicecandidate?.({ candidate: candidate(c) });
    for (let i = 0; i < 100; i++) await settle();
    expect(said.map((s) => Object.keys(s).sort())).toEqual(Array(4).fill(["link", "sealed", "to"]));
    for (const s of said.splice(0)) b.receive({ link: s.link, from: "a", sealed: s.sealed });
    for (let i = 0; i < 100; i++) await settle();
    expect(peers[1]?.remote).toEqual([{ type: "offer", sdp: "implicit" }]);
    expect(peers[1]?.candidates.map((c) => c.candidate)).toEqual(["candidate number one, which is long", "2", ""]);
  });

  it("are the only ones that count", async () => {
    const { peers, b } = ends();
    const description = { type: "offer" as const, sdp: "x" };
    b.receive({ link: "file", from: "a", description });
    b.receive({ link: "file", from: "a", sealed: "b|other|" + [...JSON.stringify({ description })].reverse().join("|") });
    b.receive({ link: "file", from: "a", sealed: "b|file|]" });
    for (let i = 0; i < 50; i++) await settle();
    expect(peers).toEqual([]);
    new End("c").links.receive({ link: "file", from: "a", sealed: "b|file|x", description });
    expect(peers).toEqual([]);
  });
});
