// A way over a link between the two ends: its lanes are DataChannels, or streams of WebTransport where a program at the other end
// can be reached by it.
import type { ParticipantLink } from "../participantlink";
import type { Bytes } from "./bytes";
import { Inbox, maxMessage, type Lane, type Way } from "./lane";
import { canDial, mayDial, WebSession } from "./websession";

const highWater = 4 << 20; // bytes that a channel may hold before who sends waits
const lowWater = 1 << 20;
const maxLanes = 8;
const backAfter = 8_000; // ms that a link may be away before it is given up
const lastWords = 1_000; // ms that what was sent has to leave
const keeper = { negotiated: true, id: 1022 }; // a channel that nobody uses: a link comes up with it, and lanes later

export class LinkWay implements Way {
  direct = true;
  #lanes: Lane[] = [];
  #channels: ChannelLane[] = [];
  #session: WebSession | undefined;
  #accepted = new Inbox<Lane>();
  #early: Lane[] = []; // came before lane 0
  #first = false; // lane 0 came
  #up: () => void = () => {}; // the link is
  #lost: () => void = () => {};
  #away: ReturnType<typeof setTimeout> | undefined;
  #over = false;

  constructor(readonly link: ParticipantLink) {
    if (canDial()) link.carry(["webtransport"]);
    link.on("channel", (channel) => this.#channel(channel));
    link.on("state", (state) => this.#state(state));
    link.on("closed", () => this.#end());
  }

  get kind(): "datachannel" | "webtransport" {
    return this.#session ? "webtransport" : "datachannel";
  }

  /** Opens the first lane and waits for it: the way is up. */
  async connect(limit: number): Promise<void> {
    const timer = setTimeout(() => this.#end(), limit);
    try {
      await this.#connected();
      await this.look();
      this.#accepted.push(await this.#open(0)); // open() gives it out
    } catch (e) {
      this.link.close();
      throw e;
    } finally {
      clearTimeout(timer);
    }
  }

  #connected(): Promise<void> {
    this.link.open("", keeper);
    return new Promise((resolve, reject) => {
      this.#up = resolve;
      this.#lost = () => reject(new Error("The link did not come up."));
    });
  }

  async #open(n: number): Promise<Lane> {
    if (this.#session) return this.#add(await this.#session.open(n));
    const lane = this.#add(new ChannelLane(this.link.open(`lane-${n}`)));
    this.#channels.push(lane);
    await lane.opened;
    return lane;
  }

  async open(): Promise<Lane> {
    const lane = await this.#accepted.next();
    if (!lane) throw new Error("The way has ended.");
    return lane;
  }

  async accept(): Promise<Lane | undefined> {
    return this.#accepted.next();
  }

  /** Finds out whether the link goes through a TURN server, and has a session with a program that it reaches without one. */
  async look(): Promise<void> {
    const { direct, hosts } = reached(await this.link.getStats());
    this.direct = direct;
    const server = this.link.webTransport;
    if (!server || !canDial()) return;
    const came = (n: number, lane: Lane) => (this.#lanes.length < maxLanes ? this.#came(n, this.#add(lane)) : lane.close());
    const dial = async (host: string) => {
      if (!(await mayDial(host))) throw new Error("The browser would ask the person.");
      return WebSession.dial(host, server, came);
    };
    const session = await Promise.any(hosts.map(dial)).catch(() => undefined); // the program takes one
    if (!session) return this.link.carry([]); // who waits for it need not wait longer
    this.#session = session;
    void session.closed.then(() => this.link.close());
    if (this.#over) session.close();
  }

  close(): void {
    void this.#close();
  }

  async #close(): Promise<void> {
    const until = Date.now() + lastWords;
    while (!this.#over && Date.now() < until && this.#channels.some((l) => l.unsent > 0)) await pause(10);
    if (!this.#over && this.#session) await Promise.race([this.#session.finish(), pause(lastWords)]);
    if (!this.#over) await pause(100); // the network has it; the other end not yet
    this.link.close();
    this.#end();
  }

  #channel(channel: RTCDataChannel): void {
    const n = /^lane-([0-7])$/.exec(channel.label)?.[1];
    if (n === undefined || this.#lanes.length >= maxLanes) return channel.close();
    const lane = this.#add(new ChannelLane(channel));
    this.#channels.push(lane);
    this.#came(Number(n), lane);
  }

  /** The other end opened a lane. */
  #came(n: number, lane: Lane): void {
    if (n === 0) {
      this.#first = true;
      for (const l of [lane, ...this.#early.splice(0)]) this.#accepted.push(l);
    } else if (this.#first) {
      this.#accepted.push(lane);
    } else {
      this.#early.push(lane);
    }
  }

  #add<T extends Lane>(lane: T): T {
    this.#lanes.push(lane);
    return lane;
  }

  #state(state: RTCPeerConnectionState): void {
    clearTimeout(this.#away);
    if (state === "connected") this.#up();
    if (state === "disconnected" || state === "failed") this.#away = setTimeout(() => this.link.close(), backAfter);
    if (state === "closed") this.#end();
  }

  #end(): void {
    this.#over = true;
    clearTimeout(this.#away);
    for (const lane of this.#channels) lane.end();
    this.#session?.close();
    this.#lost();
    this.#accepted.end();
  }
}

type Stat = { type: string; selectedCandidatePairId?: string; localCandidateId?: string; remoteCandidateId?: string; candidateType?: string; address?: string; nominated?: boolean; state?: string };

const mostHosts = 4;

/** Whether no relay is in between, and the addresses at which the other end's own may be reached. */
function reached(report: RTCStatsReport): { direct: boolean; hosts: string[] } {
  const stats = new Map<string, Stat>();
  report.forEach((s: Stat, id: string) => stats.set(id, s));
  const all = [...stats.values()];
  const chosen = all.find((s) => s.type === "transport")?.selectedCandidatePairId;
  const pair = stats.get(chosen ?? "") ?? all.find((s) => s.type === "candidate-pair" && s.nominated && s.state === "succeeded");
  const [ours, theirs] = [stats.get(pair?.localCandidateId ?? ""), stats.get(pair?.remoteCandidateId ?? "")];
  const direct = ours?.candidateType !== "relay" && theirs?.candidateType !== "relay";
  if (!direct || !theirs) return { direct, hosts: [] };
  const own = all.filter((s) => s.type === "remote-candidate" && s.candidateType === "host").map((s) => s.address ?? "").filter((a) => a !== "");
  // One that we learned by its checks may be one of its own, and browsers do not say which.
  const hosts = theirs.address ? own.filter((a) => a === theirs.address) : theirs.candidateType === "prflx" ? own : [];
  return { direct, hosts: [...new Set(hosts)].slice(0, mostHosts).map((a) => (a.includes(":") ? `[${a}]` : a)) };
}

class ChannelLane implements Lane {
  readonly opened: Promise<void>;
  #in = new Inbox<Bytes>();
  #wake: (() => void)[] = [];
  #over = false;

  constructor(readonly channel: RTCDataChannel) {
    channel.binaryType = "arraybuffer";
    channel.bufferedAmountLowThreshold = lowWater;
    channel.onmessage = (e: MessageEvent<unknown>) => {
      if (e.data instanceof ArrayBuffer && e.data.byteLength <= maxMessage) this.#in.push(new Uint8Array(e.data));
      else this.end();
    };
    channel.onbufferedamountlow = () => this.#woken();
    channel.onclose = () => this.end();
    this.opened = new Promise((resolve, reject) => {
      if (channel.readyState === "open") resolve();
      channel.onopen = () => resolve();
      this.#wake.push(() => (this.#over ? reject(new Error("The lane did not open.")) : undefined));
    });
    this.opened.catch(() => {}); // who waits for it sees it
  }

  get unsent(): number {
    return this.channel.readyState === "open" ? this.channel.bufferedAmount : 0;
  }

  async send(message: Bytes): Promise<void> {
    await this.opened;
    while (!this.#over && this.channel.bufferedAmount > highWater) await new Promise<void>((go) => this.#wake.push(go));
    if (this.#over || this.channel.readyState !== "open") throw new Error("The lane has ended.");
    this.channel.send(message);
  }

  receive(): Promise<Bytes | undefined> {
    return this.#in.next();
  }

  close(): void {
    this.channel.close();
    this.end();
  }

  end(): void {
    this.#over = true;
    this.#in.end();
    this.#woken();
  }

  #woken(): void {
    for (const go of this.#wake.splice(0)) go();
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((go) => setTimeout(go, ms));
}
