// A link between two participants, for data: perfect negotiation as the W3C's WebRTC specification
// shows it (§10.7), over `signal` messages that the server passes on.
import { Emitter } from "./emitter";
import type { PeerConnection } from "./peer";
import type { Candidate, ICEServer, ParticipantID, Signal } from "./protocol";

type Events = {
  /** The other end, or we, opened a channel. */
  channel: [RTCDataChannel];
  state: [RTCPeerConnectionState];
  closed: [];
};

/** What the link says through the server: descriptions are answered, so that a peer who is gone is
 * noticed; candidates are not. */
export interface LinkSignaller {
  describe(signal: Signal): Promise<unknown>;
  trickle(signal: Signal): void;
}

/** A WebTransport server of the other end's, at the addresses of its candidates. */
export interface WebTransportServer {
  port: number;
  path: string;
  /** SHA-256 of its certificate. */
  certificate: Uint8Array<ArrayBuffer>;
}

export class ParticipantLink extends Emitter<Events> {
  #pc: PeerConnection;
  #offering = false;
  #ignoring = false; // the other end's offer that lost
  #closed = false;
  #turn: Promise<void> = Promise.resolve();
  #transports: readonly string[] = [];
  #described = false;
  #webTransport: WebTransportServer | undefined;

  constructor(
    readonly name: string,
    readonly peer: ParticipantID,
    /** The polite end gives way when both offer at once. */
    readonly polite: boolean,
    pc: PeerConnection,
    readonly signaller: LinkSignaller,
  ) {
    super();
    this.#pc = pc;
    pc.onnegotiationneeded = () => void this.#offer();
    pc.onicecandidate = (e) => this.#candidate(e.candidate);
    pc.ondatachannel = (e) => this.emit("channel", e.channel);
    pc.onconnectionstatechange = () => this.#changed();
  }

  get state(): RTCPeerConnectionState {
    return this.#pc.connectionState;
  }

  get maxMessageSize(): number {
    return this.#pc.sctp?.maxMessageSize ?? 65_536;
  }

  getStats(): Promise<RTCStatsReport> {
    return this.#pc.getStats();
  }

  /** What this end can carry besides data channels, from now on. */
  carry(transports: readonly string[]): void {
    this.#transports = transports;
    if (this.#described && !this.#closed) this.signaller.trickle({ link: this.name, to: this.peer, transports: this.#carried() });
  }

  /** As the other end's last description says. */
  get webTransport(): WebTransportServer | undefined {
    return this.#webTransport;
  }

  /** Opens a data channel; the first one also makes the connection. */
  open(label: string, init: RTCDataChannelInit = {}): RTCDataChannel {
    return this.#pc.createDataChannel(label, init);
  }

  setICEServers(iceServers: ICEServer[]): void {
    this.#pc.setConfiguration({ iceServers });
  }

  restart(): void {
    this.#pc.restartIce();
  }

  /** Takes what the other end says, in order. */
  receive(signal: Signal): Promise<void> {
    const turn = this.#turn.then(() => this.#receive(signal));
    this.#turn = turn.catch(() => {});
    return turn;
  }

  /** Ends the link on both ends. */
  close(): void {
    if (this.#closed) return;
    this.signaller.trickle({ link: this.name, to: this.peer, close: true });
    this.end();
  }

  /** Ends it on this end: the other end is gone or said so. */
  end(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#pc.close();
    this.emit("closed");
  }

  async #offer(): Promise<void> {
    try {
      this.#offering = true;
      await this.#pc.setLocalDescription();
      await this.#describe();
    } catch {
      // The other end is gone or the server cannot be reached: nobody will answer this link.
      this.end();
    } finally {
      this.#offering = false;
    }
  }

  async #receive(signal: Signal): Promise<void> {
    if (this.#closed) return;
    if (signal.close) return this.end();
    if (signal.description) {
      this.#webTransport = webTransportOf(signal);
      await this.#take(signal.description);
    }
    if (signal.candidate) await this.#candidateOf(signal.candidate);
  }

  async #take(description: NonNullable<Signal["description"]>): Promise<void> {
    const collision = description.type === "offer" && (this.#offering || this.#pc.signalingState !== "stable");
    this.#ignoring = !this.polite && collision;
    if (this.#ignoring) return;
    // With a collision the polite end rolls its own offer back in this call.
    await this.#pc.setRemoteDescription(description);
    if (description.type !== "offer") return;
    await this.#pc.setLocalDescription();
    await this.#describe();
  }

  async #candidateOf(candidate: Candidate): Promise<void> {
    try {
      await this.#pc.addIceCandidate(candidate);
    } catch (e) {
      if (!this.#ignoring) throw e; // candidates of an offer that we ignored are no news
    }
  }

  async #describe(): Promise<void> {
    const local = this.#pc.localDescription;
    if (!local || this.#closed) return;
    const description = { type: local.type, sdp: local.sdp };
    this.#described = true;
    const transports = this.#transports.length > 0 ? { transports: this.#carried() } : {};
    await this.signaller.describe({ link: this.name, to: this.peer, description, ...transports });
  }

  #carried(): string[] {
    return ["datachannel", ...this.#transports];
  }

  #candidate(candidate: RTCIceCandidate | null): void {
    if (this.#closed) return;
    const init = candidate?.toJSON();
    this.signaller.trickle({
      link: this.name,
      to: this.peer,
      candidate: {
        candidate: init?.candidate ?? "",
        sdpMid: init?.sdpMid ?? undefined,
        sdpMLineIndex: init?.sdpMLineIndex ?? undefined,
        usernameFragment: init?.usernameFragment ?? undefined,
      },
    });
  }

  #changed(): void {
    if (this.#closed) return;
    const state = this.#pc.connectionState;
    if (state === "failed") this.#pc.restartIce();
    this.emit("state", state);
  }
}

function webTransportOf({ description, transports, webTransport }: Signal): WebTransportServer | undefined {
  const print = /^a=fingerprint:sha-256 ([0-9a-f]{2}(?::[0-9a-f]{2}){31})\s*$/im.exec(description?.sdp ?? "")?.[1];
  if (!print || !webTransport || !transports?.includes("webtransport")) return undefined;
  const { port, path } = webTransport;
  if (!Number.isInteger(port) || port < 1 || port > 65_535 || !/^[\w-]{16,64}$/.test(path)) return undefined;
  return { port, path, certificate: Uint8Array.from(print.split(":"), (hex) => parseInt(hex, 16)) };
}
