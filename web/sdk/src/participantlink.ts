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

export class ParticipantLink extends Emitter<Events> {
  #pc: PeerConnection;
  #offering = false;
  #ignoring = false; // the other end's offer that lost
  #closed = false;
  #turn: Promise<void> = Promise.resolve();

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
    if (signal.description) await this.#described(signal.description);
    if (signal.candidate) await this.#candidateOf(signal.candidate);
  }

  async #described(description: NonNullable<Signal["description"]>): Promise<void> {
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
    await this.signaller.describe({ link: this.name, to: this.peer, description });
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
