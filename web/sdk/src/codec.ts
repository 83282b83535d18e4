// Which codecs and header extensions to offer. A full offer of Chromium repeats 20 payload types
// and 13 extensions on each m-line; few are used, and 25 pairs of slots have 50 m-lines.

const videoOrder = ["video/vp8", "video/h264", "video/vp9", "video/av1"];

/** Picks one entry of each codec that Switchyard forwards, with RTX, from a browser's list. A
 * `first` codec ("h264") is put in front. RED (RFC 2198) before Opus asks the other end to send it: each packet
 * then carries the one before, so that a lost one is heard all the same. */
export function fewCodecs(kind: "audio" | "video", all: readonly RTCRtpCodec[], first?: string): RTCRtpCodec[] {
  if (kind === "audio") {
    const named = (mime: string) => all.filter((c) => c.mimeType.toLowerCase() === mime);
    return [...named("audio/red"), ...named("audio/opus")];
  }
  const wanted = first ? `video/${first.toLowerCase()}` : "";
  const order = [wanted, ...videoOrder.filter((m) => m !== wanted)];
  const chosen: RTCRtpCodec[] = [];
  for (const mime of order) {
    const same = all.filter((c) => c.mimeType.toLowerCase() === mime);
    const best = same.find(isPlain) ?? same[0];
    if (best) chosen.push(best);
  }
  const rtx = all.find((c) => c.mimeType.toLowerCase() === "video/rtx");
  return rtx ? [...chosen, rtx] : chosen;
}

/** The variant that every browser has: H.264 constrained baseline, VP9 and AV1 profile 0. */
function isPlain(codec: RTCRtpCodec): boolean {
  const fmtp = codec.sdpFmtpLine ?? "";
  switch (codec.mimeType.toLowerCase()) {
    case "video/h264":
      return /packetization-mode=1/.test(fmtp) && /profile-level-id=42e0/i.test(fmtp);
    case "video/vp9":
      return !/profile-id=[1-9]/.test(fmtp);
    case "video/av1":
      return !/profile=[1-9]/.test(fmtp);
    default:
      return true;
  }
}

/** Applies fewCodecs to a transceiver where the browser lets us. */
export function preferCodecs(transceiver: RTCRtpTransceiver, kind: "audio" | "video", first?: string): void {
  if (typeof RTCRtpReceiver === "undefined" || !transceiver.setCodecPreferences) return;
  const codecs = fewCodecs(kind, RTCRtpReceiver.getCapabilities(kind)?.codecs ?? [], first);
  if (codecs.length === 0) return;
  try {
    transceiver.setCodecPreferences(codecs);
  } catch {
    // An older browser that takes only codecs of its sending list offers everything: larger, not wrong.
  }
}

const always = ["sdes:mid", "transport-wide-cc", "abs-send-time"];
const sending = ["ssrc-audio-level", "video-orientation", "abs-capture-time"];
const layered = ["sdes:rtp-stream-id", "sdes:repaired-rtp-stream-id", "dependency-descriptor"];
const receiving = ["video-orientation", "playout-delay", "dependency-descriptor"];

interface HeaderExtension {
  uri: string;
  direction: RTCRtpTransceiverDirection;
}

/** What Chromium has off until it is asked for: playout delay, and once a first offer went without them (a camera
 * in one stream) what layers need on a later m-line. */
const asked = ["playout-delay", ...layered];

function directionOf(e: HeaderExtension, keep: readonly string[]): RTCRtpTransceiverDirection {
  const matches = (list: readonly string[]) => list.some((k) => e.uri.includes(k));
  if (!matches(keep)) return "stopped";
  return e.direction === "stopped" && matches(asked) ? "sendrecv" : e.direction;
}

/** Chromium lets us leave header extensions out; others offer what they have. */
export function fewExtensions(transceiver: RTCRtpTransceiver, way: "send" | "receive", simulcast = false): void {
  const able = transceiver as RTCRtpTransceiver & {
    getHeaderExtensionsToNegotiate?(): HeaderExtension[];
    setHeaderExtensionsToNegotiate?(extensions: HeaderExtension[]): void;
  };
  if (!able.getHeaderExtensionsToNegotiate || !able.setHeaderExtensionsToNegotiate) return;
  const keep = way === "send" ? [...always, ...sending, ...(simulcast ? layered : [])] : [...always, ...receiving];
  const list = able.getHeaderExtensionsToNegotiate().map((e) => ({
    uri: e.uri,
    direction: directionOf(e, keep),
  }));
  try {
    able.setHeaderExtensionsToNegotiate(list);
  } catch {
    // The same: larger offers, nothing else.
  }
}
