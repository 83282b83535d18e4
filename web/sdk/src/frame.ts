// How a message travels on the `reliable` and `lossy` channels of the link to the server: 2 bytes
// length of the header (big-endian), the header as JSON, then the payload.
import type { ParticipantID } from "./protocol";

/** What stands before a payload: `to` on the way to the server, `from` on the way back. */
export interface FrameHeader {
  to?: ParticipantID[];
  from?: ParticipantID;
  topic: string;
}

const maxHeader = 0xffff; // bytes: what fits in the length

export function encodeFrame(header: FrameHeader, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const json = new TextEncoder().encode(JSON.stringify(header));
  if (json.length > maxHeader) throw new RangeError("frame: the header is too long");
  const frame = new Uint8Array(2 + json.length + payload.length);
  new DataView(frame.buffer).setUint16(0, json.length);
  frame.set(json, 2);
  frame.set(payload, 2 + json.length);
  return frame;
}

/** undefined when the bytes are no frame. */
export function decodeFrame(bytes: ArrayBuffer): { header: FrameHeader; payload: Uint8Array } | undefined {
  if (bytes.byteLength < 2) return undefined;
  const length = new DataView(bytes).getUint16(0);
  if (2 + length > bytes.byteLength) return undefined;
  const header = parseHeader(new Uint8Array(bytes, 2, length));
  return header && { header, payload: new Uint8Array(bytes, 2 + length) };
}

function parseHeader(json: Uint8Array): FrameHeader | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(json));
    if (typeof value !== "object" || value === null) return undefined;
    if (!("topic" in value) || typeof value.topic !== "string") return undefined;
    if ("from" in value && typeof value.from !== "string") return undefined;
    return value as FrameHeader;
  } catch {
    return undefined;
  }
}
