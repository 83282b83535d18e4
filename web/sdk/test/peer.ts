// An RTCPeerConnection played by the tests: m-lines, senders, states and channels, without a network.
import type { PeerConnection } from "../src/peer";

export class FakeTransceiver {
  mid: string | null = null;
  sent: MediaStreamTrack | null = null;
  encodings: RTCRtpEncodingParameters[];
  readonly sender;
  readonly receiver;

  constructor(
    readonly kind: "audio" | "video",
    readonly init: RTCRtpTransceiverInit,
    n: number,
  ) {
    this.encodings = init.sendEncodings ?? [];
    this.sender = {
      replaceTrack: async (track: MediaStreamTrack | null) => void (this.sent = track),
      getParameters: () => ({ encodings: structuredClone(this.encodings) }),
      setParameters: async ({ encodings }: RTCRtpSendParameters) => void (this.encodings = encodings),
    };
    this.receiver = { track: { kind, id: `in ${n}` }, getSynchronizationSources: () => [] };
  }
}

export class FakePeer {
  transceivers: FakeTransceiver[] = [];
  channels: FakeChannel[] = [];
  offers: RTCOfferOptions[] = [];
  configs: RTCConfiguration[] = [];
  candidates: RTCIceCandidateInit[] = [];
  restarts = 0;
  closed = false;
  connectionState: RTCPeerConnectionState = "new";
  signalingState: RTCSignalingState = "stable";
  localDescription: RTCSessionDescriptionInit | null = null;
  remote: RTCSessionDescriptionInit[] = [];
  sctp = { maxMessageSize: 1000 };
  onconnectionstatechange: (() => void) | null = null;
  onnegotiationneeded: (() => void) | null = null;
  onicecandidate: ((e: { candidate: RTCIceCandidate | null }) => void) | null = null;
  ondatachannel: ((e: { channel: RTCDataChannel }) => void) | null = null;

  constructor(readonly config: RTCConfiguration) {}

  addTransceiver(kind: "audio" | "video", init: RTCRtpTransceiverInit) {
    const made = new FakeTransceiver(kind, init, this.transceivers.length);
    this.transceivers.push(made);
    return made;
  }

  createDataChannel(label: string) {
    const made = new FakeChannel(label);
    this.channels.push(made);
    queueMicrotask(() => this.channels.length === 1 && this.onnegotiationneeded?.());
    return made;
  }

  async createOffer(options: RTCOfferOptions = {}) {
    this.offers.push(options);
    return { type: "offer" as const, sdp: `offer ${this.offers.length}` };
  }

  async setLocalDescription(d?: RTCSessionDescriptionInit) {
    const description = d ?? { type: this.signalingState === "have-remote-offer" ? "answer" : "offer", sdp: "implicit" } as const;
    if (description.type === "rollback") {
      this.signalingState = "stable";
      return;
    }
    this.signalingState = description.type === "offer" ? "have-local-offer" : "stable";
    this.localDescription = description;
    this.transceivers.forEach((t, i) => (t.mid ??= String(i)));
  }

  async setRemoteDescription(d: RTCSessionDescriptionInit) {
    if (d.type === "answer" && this.signalingState !== "have-local-offer") throw new Error("no offer to answer");
    this.signalingState = d.type === "offer" ? "have-remote-offer" : "stable";
    this.remote.push(d);
  }

  async addIceCandidate(candidate: RTCIceCandidateInit) {
    if (this.remote.length === 0) throw new Error("no remote description");
    this.candidates.push(candidate);
  }

  setConfiguration(config: RTCConfiguration) {
    this.configs.push(config);
  }

  restartIce() {
    this.restarts++;
  }

  async getStats() {
    return new Map() as unknown as RTCStatsReport;
  }

  close() {
    this.closed = true;
    this.signalingState = "closed";
  }

  become(state: RTCPeerConnectionState) {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }
}

export class FakeChannel {
  readyState: RTCDataChannelState = "open";
  bufferedAmount = 0;
  bufferedAmountLowThreshold = 0;
  binaryType = "";
  sent: Uint8Array[] = [];
  onmessage: ((e: { data: unknown }) => void) | null = null;
  #listeners = new Map<string, Set<() => void>>();

  constructor(readonly label: string) {}

  send(bytes: Uint8Array) {
    this.sent.push(bytes);
  }

  addEventListener(name: string, listener: () => void) {
    this.#listeners.set(name, (this.#listeners.get(name) ?? new Set()).add(listener));
  }

  removeEventListener(name: string, listener: () => void) {
    this.#listeners.get(name)?.delete(listener);
  }

  fire(name: string) {
    for (const listener of this.#listeners.get(name) ?? []) listener();
  }
}

/** The one place where a fake is passed off as the real thing. */
export function asPeer(fake: FakePeer): PeerConnection {
  return fake as unknown as PeerConnection;
}

/** A device's track. */
export class FakeMedia extends EventTarget {
  enabled = true;
  label = "a device";

  constructor(readonly kind: "audio" | "video") {
    super();
  }

  getSettings() {
    return { width: 640, height: 360 };
  }

  end() {
    this.dispatchEvent(new Event("ended"));
  }
}

export function asMedia(fake: FakeMedia): MediaStreamTrack {
  return fake as unknown as MediaStreamTrack;
}
