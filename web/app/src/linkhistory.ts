// What the connection panel knows: a minute of samples of our link, each made of what the browser measured
// and of what the server says about it.
import type { LinkStats } from "../../sdk/src/index";

export const samplesKept = 60; // one a second

/** One way of the link at one moment: bitrates in bit/s, times in ms, loss as a share. What is not known is
 * absent. */
export interface Way {
  rate?: number;
  /** What may flow, and what is aimed at: receiving, both as the server says. */
  estimate?: number;
  target?: number;
  queue?: number;
  loss?: number;
  rtt?: number;
}

/** What the browser encodes of one video of ours. */
export interface Encoding {
  id: string;
  mid: string;
  rid: string;
  active: boolean;
  width: number;
  height: number;
  fps: number;
  rate: number;
  /** "cpu" or "bandwidth" where that makes it less than it could be. */
  limit: string;
}

/** What arrives of a video, by the m-line of its slot. */
export interface Arriving {
  width: number;
  height: number;
  fps: number;
}

export interface Sample {
  at: number;
  receiving: Way;
  sending: Way;
  encodings: Encoding[];
  arriving: Map<string, Arriving>;
  server?: LinkStats;
}

type Entry = { id?: string; type: string; [field: string]: unknown };

interface Totals {
  at: number;
  received: number;
  sent: number;
  lost: number;
  packets: number;
  byEncoding: Map<string, number>;
}

/** The pair that media takes: several may have been nominated, one after the other. */
function selectedPair(all: readonly Entry[]): Entry | undefined {
  const selected = all.find((e) => e.type === "transport")?.["selectedCandidatePairId"];
  const pairs = all.filter((e) => e.type === "candidate-pair" && e["nominated"] === true);
  return pairs.find((e) => e.id === selected) ?? pairs[0];
}

/** Sampler makes samples out of statistics, remembering the totals of the last ones. */
export class Sampler {
  #last?: Totals;

  /** The first one after a pause has no rates: there is nothing to compare it with. */
  sample(now: number, stats: Iterable<Entry>, server: LinkStats | undefined): Sample {
    const all = [...stats];
    const totals = totalsOf(now, all);
    const before = this.#last && this.#last.received <= totals.received ? this.#last : undefined; // else the link is a new one
    this.#last = totals;
    const seconds = before ? (now - before.at) / 1000 : 0;
    const rate = (from: number | undefined, to: number) => (seconds > 0 && from !== undefined ? Math.max(0, (8 * (to - from)) / seconds) : undefined);
    const pair = selectedPair(all);
    const rtt = optional(pair?.["currentRoundTripTime"], 1000);
    return {
      at: now,
      receiving: {
        rate: rate(before?.received, totals.received),
        estimate: server?.estimate || undefined,
        target: server?.target || undefined,
        queue: server?.queue,
        loss: server?.loss ?? lossSince(before, totals),
        rtt: server?.rtt || rtt,
      },
      sending: {
        rate: rate(before?.sent, totals.sent),
        estimate: optional(pair?.["availableOutgoingBitrate"]),
        target: sum(outbound(all), "targetBitrate") || undefined,
        loss: worst(all, "fractionLost"),
        rtt: worst(all, "roundTripTime", 1000) ?? rtt,
      },
      encodings: outbound(all).filter(isVideo).map((e) => encoding(e, rate(before?.byEncoding.get(e.id ?? ""), num(e["bytesSent"])) ?? 0)),
      arriving: arriving(all),
      server,
    };
  }
}

/** The newest samples, the latest last. */
export function keep(samples: readonly Sample[], next: Sample): Sample[] {
  return [...samples, next].slice(-samplesKept);
}

function totalsOf(at: number, all: readonly Entry[]): Totals {
  const inbound = all.filter((e) => e.type === "inbound-rtp");
  const out = outbound(all);
  return {
    at,
    received: sum(inbound, "bytesReceived") + sum(inbound, "headerBytesReceived"),
    sent: sum(out, "bytesSent") + sum(out, "headerBytesSent"),
    lost: sum(inbound, "packetsLost"),
    packets: sum(inbound, "packetsReceived"),
    byEncoding: new Map(out.map((e) => [e.id ?? "", num(e["bytesSent"])])),
  };
}

function lossSince(before: Totals | undefined, now: Totals): number | undefined {
  if (!before) return undefined;
  const lost = Math.max(0, now.lost - before.lost), got = Math.max(0, now.packets - before.packets);
  return lost + got > 0 ? lost / (lost + got) : undefined;
}

function encoding(e: Entry, rate: number): Encoding {
  return {
    id: e.id ?? "",
    mid: text(e["mid"]),
    rid: text(e["rid"]),
    active: e["active"] === undefined ? rate > 0 : e["active"] === true,
    width: num(e["frameWidth"]),
    height: num(e["frameHeight"]),
    fps: num(e["framesPerSecond"]),
    rate,
    limit: e["qualityLimitationReason"] === "none" ? "" : text(e["qualityLimitationReason"]),
  };
}

function arriving(all: readonly Entry[]): Map<string, Arriving> {
  const videos = all.filter((e) => e.type === "inbound-rtp" && isVideo(e));
  return new Map(videos.map((e) => [text(e["mid"]), { width: num(e["frameWidth"]), height: num(e["frameHeight"]), fps: num(e["framesPerSecond"]) }]));
}

function outbound(all: readonly Entry[]): Entry[] {
  return all.filter((e) => e.type === "outbound-rtp");
}

function isVideo(e: Entry): boolean {
  return e["kind"] === "video";
}

/** The worst of what the other end reports of our streams. */
function worst(all: readonly Entry[], field: string, by = 1): number | undefined {
  const known = all.filter((e) => e.type === "remote-inbound-rtp" && typeof e[field] === "number");
  return known.length > 0 ? Math.max(...known.map((e) => num(e[field]))) * by : undefined;
}

function sum(entries: readonly Entry[], field: string): number {
  return entries.reduce((all, e) => all + num(e[field]), 0);
}

function optional(value: unknown, by = 1): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value * by : undefined;
}

function num(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
