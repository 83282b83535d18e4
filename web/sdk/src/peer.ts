// RTCPeerConnection behind one small interface, so that tests can play the browser.

/** The parts of RTCPeerConnection that the SDK uses. */
export type PeerConnection = Pick<
  RTCPeerConnection,
  | "addIceCandidate"
  | "addTransceiver"
  | "close"
  | "connectionState"
  | "createDataChannel"
  | "createOffer"
  | "getStats"
  | "iceConnectionState"
  | "localDescription"
  | "onconnectionstatechange"
  | "ondatachannel"
  | "onicecandidate"
  | "onnegotiationneeded"
  | "restartIce"
  | "sctp"
  | "setConfiguration"
  | "setLocalDescription"
  | "setRemoteDescription"
  | "signalingState"
>;

/** Makes a connection. */
export type PeerFactory = (config: RTCConfiguration) => PeerConnection;

export const browserPeer: PeerFactory = (config) => new RTCPeerConnection(config);
