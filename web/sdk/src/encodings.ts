// Which of a sender's encodings are sent, and how large.
import type { WantedTrack } from "./protocol";

export interface Size {
  width: number;
  height: number;
}

const topRate = 2_000_000; // bits per second
const leastRate = 150_000;
const ratePerPixel = 2.2;

/** How many streams Chromium makes of a picture: the last encodings beyond that it leaves out, whatever their
 * scale, so that of three for a picture of 320x180 only 80x45 would be sent. */
function streams({ width, height }: Size): number {
  const pixels = width * height;
  if (pixels >= 960 * 540) return 3;
  return pixels >= 480 * 270 ? 2 : 1;
}

/** Sets scale, bit rate and activity of encodings (smallest first) for a source of that size and what somebody
 * receives; reports whether anything changed. A single encoding keeps its scale. */
export function fitEncodings(encodings: RTCRtpEncodingParameters[], source: Size | undefined, wanted: Pick<WantedTrack, "none" | "layers">): boolean {
  const { none = false, layers } = wanted;
  const several = encodings.length > 1;
  const usable = several && source ? Math.min(encodings.length, streams(source)) : encodings.length;
  const needed = encodings.map((e, i) => i < usable && !none && (layers?.includes(e.rid ?? "") ?? true));
  // What somebody needs is larger than there can be: the largest there is will do.
  if (!none && !needed.includes(true)) needed[usable - 1] = true;
  let changed = false;
  const set = <K extends keyof RTCRtpEncodingParameters>(e: RTCRtpEncodingParameters, key: K, value: RTCRtpEncodingParameters[K], was: RTCRtpEncodingParameters[K]) => {
    changed ||= was !== value;
    e[key] = value;
  };
  encodings.forEach((e, i) => {
    set(e, "active", needed[i] ?? false, e.active ?? true);
    if (!several || !source || i >= usable) return;
    const by = 2 ** (usable - 1 - i);
    const rate = Math.round((ratePerPixel * source.width * source.height) / (by * by));
    set(e, "scaleResolutionDownBy", by, e.scaleResolutionDownBy ?? 1);
    set(e, "maxBitrate", Math.min(topRate, Math.max(leastRate, rate)), e.maxBitrate);
  });
  return changed;
}
