// What browser this is: for words to the person, and whether it can call at all.

export type Browser = "chrome" | "edge" | "firefox" | "safari" | "ios" | "android" | "other";

/** Which one to give instructions for. It is a guess: nothing but words depends on it. */
export function browserOf(agent = typeof navigator === "undefined" ? "" : navigator.userAgent): Browser {
  if (/iPhone|iPad|iPod/.test(agent)) return "ios";
  if (/Android/.test(agent)) return "android";
  if (/Edg\//.test(agent)) return "edge";
  if (/Firefox\//.test(agent)) return "firefox";
  if (/Chrome\/|Chromium\//.test(agent)) return "chrome";
  if (/Safari\//.test(agent)) return "safari";
  return "other";
}

/** What a browser must have; the rest can be done without. */
type Needs = {
  RTCPeerConnection?: { prototype?: object };
  RTCRtpSender?: { prototype?: object };
  WebSocket?: unknown;
  ResizeObserver?: unknown;
};

/** What is missing for a call, by the names of the web platform; empty in every browser of today. */
export function missingParts(from: Needs = globalThis as Needs): string[] {
  const missing: string[] = [];
  if (!from.WebSocket) missing.push("WebSocket");
  if (!from.ResizeObserver) missing.push("ResizeObserver");
  if (!from.RTCPeerConnection) missing.push("RTCPeerConnection");
  else if (!("addTransceiver" in (from.RTCPeerConnection.prototype ?? {}))) missing.push("addTransceiver");
  if (!("replaceTrack" in (from.RTCRtpSender?.prototype ?? {}))) missing.push("replaceTrack");
  return missing;
}

/** Browsers give devices only to secure pages. */
export function isInsecure(): boolean {
  return !window.isSecureContext;
}
