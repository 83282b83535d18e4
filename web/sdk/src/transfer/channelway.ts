// A way over a link between the two ends: its lanes are DataChannels.
import type { ParticipantLink } from "../participantlink";
import type { Bytes } from "./bytes";
import { Inbox, maxMessage, type Lane, type Way } from "./lane";

const highWater = 4 << 20; // bytes that a channel may hold before who sends waits
const lowWater = 1 << 20;
const maxLanes = 8;
const backAfter = 8_000; // ms that a link may be away before it is given up
const lastWords = 1_000; // ms that what was sent has to leave

export class ChannelWay implements Way {
  readonly kind = "datachannel";
  direct = true;
  #lanes: ChannelLane[] = [];
  #accepted = new Inbox<Lane>();
  #early: Lane[] = []; // came before lane 0
  #first = false; // lane 0 came
  #away: ReturnType<typeof setTimeout> | undefined;
  #over = false;

  constructor(readonly link: ParticipantLink) {
    link.on("channel", (channel) => this.#channel(channel));
    link.on("state", (state) => this.#state(state));
    link.on("closed", () => this.#end());
  }

  /** Opens the first lane and waits for it: the way is up. */
  async connect(limit: number): Promise<void> {
    const lane = this.#add(this.link.open("lane-0"));
    this.#accepted.push(lane); // open() gives it out
    const timer = setTimeout(() => this.#end(), limit);
    try {
      await lane.opened;
      await this.measure();
    } catch (e) {
      this.link.close();
      throw e;
    } finally {
      clearTimeout(timer);
    }
  }

  async open(): Promise<Lane> {
    const lane = await this.#accepted.next();
    if (!lane) throw new Error("The way has ended.");
    return lane;
  }

  async accept(): Promise<Lane | undefined> {
    return this.#accepted.next();
  }

  /** Finds out whether the link goes through a TURN server. */
  async measure(): Promise<void> {
    type Stat = { type: string; selectedCandidatePairId?: string; localCandidateId?: string; remoteCandidateId?: string; candidateType?: string; nominated?: boolean; state?: string };
    const stats = new Map<string, Stat>();
    (await this.link.getStats()).forEach((s: Stat, id: string) => stats.set(id, s));
    const all = [...stats.values()];
    const chosen = all.find((s) => s.type === "transport")?.selectedCandidatePairId;
    const pair = stats.get(chosen ?? "") ?? all.find((s) => s.type === "candidate-pair" && s.nominated && s.state === "succeeded");
    const ends = [stats.get(pair?.localCandidateId ?? ""), stats.get(pair?.remoteCandidateId ?? "")];
    this.direct = !ends.some((c) => c?.candidateType === "relay");
  }

  close(): void {
    void this.#close();
  }

  async #close(): Promise<void> {
    const until = Date.now() + lastWords;
    while (!this.#over && Date.now() < until && this.#lanes.some((l) => l.unsent > 0)) await pause(10);
    if (!this.#over) await pause(100); // SCTP has it; the other end not yet
    this.link.close();
    this.#end();
  }

  #channel(channel: RTCDataChannel): void {
    const n = /^lane-([0-7])$/.exec(channel.label)?.[1];
    if (n === undefined || this.#lanes.length >= maxLanes) return channel.close();
    const lane = this.#add(channel);
    if (n === "0") {
      this.#first = true;
      for (const l of [lane, ...this.#early.splice(0)]) this.#accepted.push(l);
    } else if (this.#first) {
      this.#accepted.push(lane);
    } else {
      this.#early.push(lane);
    }
  }

  #add(channel: RTCDataChannel): ChannelLane {
    const lane = new ChannelLane(channel);
    this.#lanes.push(lane);
    return lane;
  }

  #state(state: RTCPeerConnectionState): void {
    clearTimeout(this.#away);
    if (state === "disconnected" || state === "failed") this.#away = setTimeout(() => this.link.close(), backAfter);
    if (state === "closed") this.#end();
  }

  #end(): void {
    this.#over = true;
    clearTimeout(this.#away);
    for (const lane of this.#lanes) lane.end();
    this.#accepted.end();
  }
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
