// The link to the server: one RTCPeerConnection in both directions, on which we always offer.
import { fewExtensions, preferCodecs } from "./codec";
import { SwitchyardError } from "./error";
import type { PeerConnection, PeerFactory } from "./peer";
import type { Description, ICEServer, TrackKind, TrackSource } from "./protocol";

/** A receive position. Its media track stays the same for the life of the link; the server decides
 * what flows through it. */
export interface ReceiveSlot {
  readonly kind: TrackKind;
  readonly transceiver: RTCRtpTransceiver;
  readonly media: MediaStreamTrack;
}

/** A send position, made for one source and filled by replaceTrack. */
export interface SendPosition {
  readonly kind: TrackKind;
  readonly source: TrackSource;
  readonly transceiver: RTCRtpTransceiver;
  /** It is for backups in that codec. */
  readonly codec?: string;
  taken: boolean;
}

export interface ServerLinkSettings {
  /** Pairs of an audio and a video slot to begin with. */
  pairs: number;
  /** Audio slots without a video slot: for those who speak and are not shown. */
  spareAudio: number;
  /** Prepare send positions. */
  send: boolean;
  simulcast: boolean;
  /** Open the data channels. */
  data: boolean;
  /** Video codec to send if possible, such as "h264". */
  codec?: string;
}

export interface ServerLinkOwner {
  /** Brings an offer to the server. */
  exchange(offer: Description): Promise<Description>;
  state(state: RTCPeerConnectionState): void;
  slot(slot: ReceiveSlot): void;
  channel(channel: RTCDataChannel): void;
  /** The link cannot be saved: join anew. */
  lost(): void;
}

const restartAfter = 3_000; // ms of "disconnected" (consent may yet come back) before an ICE restart
const connectLimit = 6_000; // ms that the first connection may take, relays included
const restartLimit = 12_000; // ms that an ICE restart may take
const maxRestarts = 3; // in a row, then the link is given up

const cameraBitrate = 2_000_000; // bits per second
const screenBitrate = 3_000_000;

export class ServerLink {
  readonly slots: ReceiveSlot[] = [];
  readonly senders: SendPosition[] = [];
  #pc: PeerConnection;
  #queue: Promise<void> = Promise.resolve();
  #first?: Description; // the first offer
  #gathering?: Promise<void>; // it is applied
  #iceServers?: ICEServer[]; // the latest; undefined before we were told
  #answered = false;
  #restarts = 0;
  #timer?: ReturnType<typeof setTimeout>;
  #closed = false;

  constructor(
    readonly owner: ServerLinkOwner,
    readonly settings: ServerLinkSettings,
    factory: PeerFactory,
    iceServers: ICEServer[] | undefined,
  ) {
    this.#iceServers = iceServers;
    this.#pc = factory({ bundlePolicy: "max-bundle" });
    this.#pc.onconnectionstatechange = () => this.#changed();
    if (settings.send) this.#prepareSenders();
    if (settings.data) this.#openChannels();
    this.addSlots(settings.pairs + settings.spareAudio, settings.pairs);
  }

  get state(): RTCPeerConnectionState {
    return this.#pc.connectionState;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get maxMessageSize(): number {
    return this.#pc.sctp?.maxMessageSize ?? 65_536;
  }

  getStats(): Promise<RTCStatsReport> {
    return this.#pc.getStats();
  }

  /** The first offer: it travels inside the join. The server needs no candidates of ours, so it is applied,
   * which begins to gather them, only when the ICE servers are known: right after the socket opened. */
  async offer(): Promise<Description> {
    const { type, sdp } = await this.#pc.createOffer();
    this.#first = { type, sdp: sdp ?? "" };
    if (this.#iceServers && !this.#closed) this.#gather().catch(() => {}); // answer() tells of it
    return this.#first;
  }

  /** The answer to the first offer, from the welcome. */
  answer(description: Description | undefined, iceServers: ICEServer[]): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#closed) return;
      this.setICEServers(iceServers);
      await this.#gather();
      await this.#accept(description ?? (await this.owner.exchange(this.#local())));
      this.#answered = true;
      this.#watchConnecting();
    });
  }

  /** They are used for the first connection where they come before it, and from the next ICE restart on. */
  setICEServers(iceServers: ICEServer[]): void {
    if (this.#closed) return;
    this.#iceServers = iceServers;
    if (this.#first) this.#gather().catch(() => {}); // answer() tells of it
  }

  /** Adds receive slots; negotiate() makes them known. */
  addSlots(audio: number, video: number): void {
    for (let i = 0; i < Math.max(audio, video); i++) {
      if (i < audio) this.#addSlot("audio");
      if (i < video) this.#addSlot("video");
    }
  }

  /** A free send position for a source, made when there is none; with a codec one for backups in that. */
  async sender(kind: TrackKind, source: TrackSource, codec?: string): Promise<SendPosition> {
    const free = this.senders.find((s) => !s.taken && s.source === source && s.kind === kind && s.codec === codec);
    if (free) {
      free.taken = true;
      return free;
    }
    const made = this.#addSender(kind, source, codec);
    made.taken = true;
    await this.negotiate();
    return made;
  }

  /** Offers again; one negotiation at a time, in order. */
  negotiate(restart = false): Promise<void> {
    return this.#inTurn(() => this.#negotiate(restart));
  }

  /** New ICE credentials and a new look at the network; media goes on meanwhile where it can. */
  async restart(): Promise<void> {
    if (this.#closed || !this.#answered) return;
    clearTimeout(this.#timer);
    if (++this.#restarts > maxRestarts) return this.owner.lost();
    this.#timer = setTimeout(() => void this.restart(), restartLimit);
    try {
      await this.negotiate(true);
    } catch (e) {
      // The server does not know the link any more, or could not be asked in time.
      if (!this.#closed && !(e instanceof SwitchyardError && e.retryable)) this.owner.lost();
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#pc.onconnectionstatechange = null;
    this.#pc.close();
  }

  // ---- making the m-lines ----

  /** Made once and filled later: turning the camera on costs no negotiation. */
  #prepareSenders(): void {
    this.#addSender("audio", "microphone");
    this.#addSender("video", "camera");
    this.#addSender("video", "screen");
    this.#addSender("audio", "screen-audio");
  }

  #addSender(kind: TrackKind, source: TrackSource, backup?: string): SendPosition {
    const layers = this.settings.simulcast && source === "camera";
    const codec = backup ?? this.settings.codec;
    const sendEncodings = layers ? layeredEncodings(codec) : [{ maxBitrate: bitrate(source) }];
    const transceiver = this.#pc.addTransceiver(kind, { direction: "sendonly", sendEncodings: kind === "audio" ? undefined : sendEncodings });
    preferCodecs(transceiver, kind, codec);
    fewExtensions(transceiver, "send", layers);
    const made: SendPosition = { kind, source, transceiver, codec: backup, taken: false };
    this.senders.push(made);
    return made;
  }

  #addSlot(kind: TrackKind): void {
    const transceiver = this.#pc.addTransceiver(kind, { direction: "recvonly" });
    preferCodecs(transceiver, kind);
    fewExtensions(transceiver, "receive");
    this.slots.push({ kind, transceiver, media: transceiver.receiver.track });
    const made = this.slots[this.slots.length - 1];
    if (made) this.owner.slot(made);
  }

  #openChannels(): void {
    const reliable = this.#pc.createDataChannel("reliable", { ordered: true });
    const lossy = this.#pc.createDataChannel("lossy", { ordered: false, maxRetransmits: 0 });
    this.owner.channel(reliable);
    this.owner.channel(lossy);
  }

  // ---- negotiation and state ----

  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#queue.then(work);
    this.#queue = turn.catch(() => {});
    return turn;
  }

  /** Applies the first offer, once. */
  #gather(): Promise<void> {
    if (!this.#gathering) {
      this.#useICEServers();
      this.#gathering = this.#pc.setLocalDescription(this.#first);
    }
    return this.#gathering;
  }

  /** Not before they are needed: browsers restart ICE in the next offer, whatever it is for, when they changed. */
  #useICEServers(): void {
    this.#pc.setConfiguration({ iceServers: this.#iceServers ?? [], bundlePolicy: "max-bundle" });
  }

  async #negotiate(restart: boolean): Promise<void> {
    if (this.#closed) throw new SwitchyardError("session-unknown", "The link was closed.", true);
    if (restart) this.#useICEServers();
    const offer = await this.#pc.createOffer({ iceRestart: restart });
    await this.#pc.setLocalDescription(offer);
    try {
      await this.#accept(await this.owner.exchange(this.#local()));
    } catch (e) {
      if (!this.#closed && this.#pc.signalingState === "have-local-offer") {
        await this.#pc.setLocalDescription({ type: "rollback" });
      }
      throw e;
    }
  }

  #local(): Description {
    return { type: "offer", sdp: this.#pc.localDescription?.sdp ?? "" };
  }

  async #accept(answer: Description): Promise<void> {
    if (this.#closed) return;
    await this.#pc.setRemoteDescription({ type: "answer", sdp: answer.sdp ?? "" });
  }

  /** If nothing works, another look at the network may. */
  #watchConnecting(): void {
    clearTimeout(this.#timer);
    if (this.state === "connected") return;
    this.#timer = setTimeout(() => void this.restart(), connectLimit);
  }

  #changed(): void {
    const state = this.state;
    if (state === "connected") {
      clearTimeout(this.#timer);
      this.#restarts = 0;
    } else if (state === "disconnected" && this.#answered) {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => void this.restart(), restartAfter);
    } else if (state === "failed") {
      void this.restart();
    }
    this.owner.state(state);
  }
}

function bitrate(source: TrackSource): number {
  return source === "screen" ? screenBitrate : cameraBitrate;
}

type Encoding = RTCRtpEncodingParameters & { scalabilityMode?: string };

/**
 * The layers that a camera is sent in. VP9 and AV1 hold them in one stream (SVC), which takes less than
 * three streams do. The others are sent three times, smallest first, as Chromium gives up the last ones
 * first when bandwidth is short. Without the mode Chromium would send of VP9 and AV1 the smallest alone.
 */
function layeredEncodings(codec = ""): Encoding[] {
  if (["vp9", "av1"].includes(codec.toLowerCase())) return [{ maxBitrate: cameraBitrate, scalabilityMode: "L3T3_KEY" }];
  const scalabilityMode = "L1T3";
  return [
    { rid: "q", scaleResolutionDownBy: 4, maxBitrate: 150_000, scalabilityMode },
    { rid: "h", scaleResolutionDownBy: 2, maxBitrate: 500_000, scalabilityMode },
    { rid: "f", maxBitrate: cameraBitrate, scalabilityMode },
  ];
}

