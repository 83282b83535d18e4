// Diagnostic links: a peer connection to the server that goes one way only, and what it measures.
import type { DoctorLink, DoctorOffer, ICEServer } from "../../sdk/src/protocol";

/** One way for media that is tried alone. */
export interface Way {
  id: string;
  title: string;
  tcp?: boolean;
  six?: boolean;
  /** Through the server's TURN, by this transport. */
  turn?: "tcp" | "tls";
}

/** The ways, best first. */
export const ways: readonly Way[] = [
  { id: "udp-ipv4", title: "UDP over IPv4" },
  { id: "udp-ipv6", title: "UDP over IPv6", six: true },
  { id: "tcp-ipv4", title: "TCP over IPv4", tcp: true },
  { id: "tcp-ipv6", title: "TCP over IPv6", tcp: true, six: true },
  { id: "turn-tcp", title: "TURN over TCP", turn: "tcp" },
  { id: "turn-tls", title: "TURN over TLS", turn: "tls" },
];

const headBytes = 16; // of a question, repeated by its answer
const bulkBytes = 16384;
const bulkWindow = 24; // large messages on the way
const bulkMost = 12 << 20; // bytes; the server answers no more than twice that
const pingBytes = 1000; // about a packet of video
const pingEvery = 20; // ms
const pingLinger = 700; // ms, for the last answers

/** What the round trips showed. */
export interface Echo {
  sent: number;
  /** In milliseconds, of those that came back, as they came. */
  trips: number[];
}

/** A server's address (RFC 8839 §5.1). */
export interface Candidate {
  address: string;
  port: number;
  tcp: boolean;
  six: boolean;
}

export function readCandidate(line: string): Candidate | undefined {
  const words = line.replace(/^a=/, "").replace(/^candidate:/, "").trim().split(/\s+/);
  const [, , transport = "", , address = "", port = "", typ] = words;
  if (typ !== "typ" || !/^(udp|tcp)$/i.test(transport) || !/^\d{1,5}$/.test(port)) return undefined;
  return { address, port: Number(port), tcp: /^tcp$/i.test(transport), six: address.includes(":") };
}

export function candidatesOf(sdp: string): Candidate[] {
  const found = sdp.split(/\r?\n/).filter((l) => l.startsWith("a=candidate:")).map(readCandidate);
  return found.filter((c) => c !== undefined);
}

const leadsTo = (w: Way, c: Candidate) => c.tcp === Boolean(w.tcp) && c.six === Boolean(w.six);

/** Leaves only the way's candidates in an answer. */
export function keepCandidates(sdp: string, w: Way): string {
  const keep = (line: string) => {
    if (!line.startsWith("a=candidate:")) return true;
    const c = readCandidate(line);
    return c !== undefined && leadsTo(w, c);
  };
  return sdp.split("\r\n").filter(keep).join("\r\n");
}

/** Whether the server offers the way at all. */
export function isOffered(w: Way, link: DoctorLink): boolean {
  if (w.turn) return turnServers(w, link.iceServers ?? []).length > 0;
  return candidatesOf(link.sdp).some((c) => leadsTo(w, c));
}

export function turnServers(w: Way, servers: readonly ICEServer[]): RTCIceServer[] {
  const wanted = (url: string) => (w.turn === "tls" ? url.startsWith("turns:") : url.startsWith("turn:") && url.includes("transport=tcp"));
  return servers.flatMap((s) => {
    const urls = s.urls.filter(wanted);
    return urls.length ? [{ urls, username: s.username ?? "", credential: s.credential ?? "" }] : [];
  });
}

/** Posts an offer. */
export async function postOffer(sdp: string, signal: AbortSignal): Promise<DoctorLink> {
  const body: DoctorOffer = { sdp };
  const response = await fetch("/v1/doctor/link", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    signal,
  });
  if (response.ok) return (await response.json()) as DoctorLink;
  const said = (await response.json().catch(() => undefined)) as { detail?: string } | undefined;
  throw new Error(said?.detail ?? `The server answered with HTTP status ${response.status}.`);
}

/** Makes a link only for what the server's answer says. */
export async function inquire(signal: AbortSignal): Promise<DoctorLink> {
  const pc = new RTCPeerConnection();
  try {
    pc.createDataChannel("inquiry");
    const offer = await pc.createOffer();
    return await postOffer(offer.sdp ?? "", signal);
  } finally {
    pc.close();
  }
}

/** Thrown where no packet was answered. */
export class NoWayError extends Error {}

/** A way that came up. */
export class Path {
  private constructor(
    readonly way: Way,
    private readonly pc: RTCPeerConnection,
    /** How long it took, in milliseconds. */
    readonly took: number,
    /** The server's address that answered. */
    readonly remote: string,
  ) {}

  /** Tries a way for `within` milliseconds. */
  static async open(way: Way, link: DoctorLink, within: number, signal: AbortSignal): Promise<Path> {
    const config: RTCConfiguration = way.turn
      ? { iceServers: turnServers(way, link.iceServers ?? []), iceTransportPolicy: "relay" }
      : {};
    const pc = new RTCPeerConnection(config);
    const begin = performance.now();
    try {
      const hello = pc.createDataChannel("hello");
      await pc.setLocalDescription();
      const answer = await postOffer(pc.localDescription?.sdp ?? "", signal);
      const sdp = way.turn ? answer.sdp : keepCandidates(answer.sdp, way);
      await pc.setRemoteDescription({ type: "answer", sdp });
      await opened(hello, within, signal);
      return new Path(way, pc, performance.now() - begin, await remoteOf(pc));
    } catch (err) {
      pc.close();
      throw err;
    }
  }

  close(): void {
    this.pc.close();
  }

  /** Sends packets of about the size of video's on an unreliable channel for `time` milliseconds. */
  async ping(time: number, signal: AbortSignal): Promise<Echo> {
    const dc = this.pc.createDataChannel("ping", { ordered: false, maxRetransmits: 0 });
    dc.binaryType = "arraybuffer";
    await opened(dc, 5000, signal);
    const left = new Map<number, number>();
    const echo: Echo = { sent: 0, trips: [] };
    dc.onmessage = (e: MessageEvent<ArrayBuffer>) => {
      const seq = sequence(e.data);
      const at = seq === undefined ? undefined : left.get(seq);
      if (seq === undefined || at === undefined) return;
      left.delete(seq);
      echo.trips.push(performance.now() - at);
    };
    try {
      const end = performance.now() + time;
      while (performance.now() < end && dc.readyState === "open") {
        left.set(echo.sent, performance.now());
        dc.send(question(pingBytes, pingBytes, echo.sent++));
        await pause(pingEvery, signal);
      }
      await pause(pingLinger, signal);
      return echo;
    } finally {
      dc.close();
    }
  }

  /** Keeps questions on the way and returns the bits per second that were answered. */
  async flow(direction: "down" | "up", time: number, signal: AbortSignal): Promise<number> {
    const [size, answer] = direction === "up" ? [bulkBytes, headBytes] : [headBytes, bulkBytes];
    const dc = this.pc.createDataChannel(direction);
    dc.binaryType = "arraybuffer";
    await opened(dc, 5000, signal);
    try {
      return await new Promise<number>((resolve, reject) => {
        let seq = 0, answered = 0, took = 0;
        const begin = performance.now();
        const done = () => (answered ? resolve((answered * bulkBytes * 8000) / Math.max(took, 1)) : reject(new NoWayError("no answer")));
        const send = () => dc.readyState === "open" && dc.send(question(size, answer, seq++));
        dc.onmessage = () => {
          answered++;
          took = performance.now() - begin;
          if (answered * bulkBytes >= bulkMost) done();
          else send();
        };
        dc.onclose = done;
        signal.addEventListener("abort", () => reject(new Error("stopped")), { once: true });
        setTimeout(done, time);
        for (let i = 0; i < bulkWindow; i++) send();
      });
    } finally {
      dc.close();
    }
  }
}

/** A message of `size` bytes that wants an answer of `answer` bytes. */
export function question(size: number, answer: number, seq: number): ArrayBuffer {
  const b = new ArrayBuffer(Math.max(size, headBytes));
  const view = new DataView(b);
  view.setUint32(0, answer);
  view.setUint32(4, seq);
  return b;
}

export function sequence(answer: ArrayBuffer): number | undefined {
  return answer.byteLength < headBytes ? undefined : new DataView(answer).getUint32(4);
}

function opened(dc: RTCDataChannel, within: number, signal: AbortSignal): Promise<void> {
  if (dc.readyState === "open") return Promise.resolve();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new NoWayError("nothing answers")), within);
    const end = (f: () => void) => () => {
      clearTimeout(timer);
      f();
    };
    dc.addEventListener("open", end(resolve), { once: true });
    dc.addEventListener("close", end(() => reject(new NoWayError("nothing answers"))), { once: true });
    signal.addEventListener("abort", end(() => reject(new Error("stopped"))), { once: true });
  });
}

async function remoteOf(pc: RTCPeerConnection): Promise<string> {
  const stats = await pc.getStats();
  let text = "the server";
  stats.forEach((s: RTCIceCandidatePairStats) => {
    if (s.type !== "candidate-pair" || s.state !== "succeeded" || !s.nominated) return;
    const r = stats.get(s.remoteCandidateId) as { address?: string; ip?: string; port?: number } | undefined;
    const address = r?.address ?? r?.ip;
    if (address && r?.port) text = `${address.includes(":") ? `[${address}]` : address}:${r.port}`;
  });
  return text;
}

export function pause(time: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(new Error("stopped"));
    const timer = setTimeout(resolve, time);
    signal.addEventListener("abort", () => { clearTimeout(timer); reject(new Error("stopped")); }, { once: true });
  });
}
