// How the connection panel says what it knows.
import type { SlotStats, Track } from "../../sdk/src/index";
import { rate } from "./doctorwords";
import type { Arriving, Encoding } from "./linkhistory";

/** What holds what the server may send; empty in the ordinary case. */
export function limitWords(limit: string): string {
  switch (limit) {
    case "loss":
      return "Held back by packets that get lost on the way to you.";
    case "remb":
      return "Held back by your browser’s own estimate.";
    case "silence":
      return "Your browser’s feedback does not reach the server.";
    case "drain":
      return "A queue on the way to you is being emptied.";
  }
  return "";
}

/** What a tile gets: "1280×720, 30 fps, 1.2 Mbit/s", or why nothing. */
export function slotWords(slot: SlotStats, track: Track | undefined, arriving: Arriving | undefined): string {
  if (slot.paused === "bandwidth") return "Paused: not enough bandwidth. It comes back by itself when there is more.";
  if (slot.paused === "codec") return "Not played: your browser cannot decode it.";
  if (track?.muted) return "Off at their side.";
  if (slot.paused === "no-media") return "Waiting for the picture.";
  const width = slot.width || arriving?.width, height = slot.height || arriving?.height;
  const fps = arriving?.fps ? `${Math.round(arriving.fps)} fps` : "";
  const some = slot.temporals && slot.temporalsOf && slot.temporals < slot.temporalsOf ? "fewer frames" : "";
  const other = slot.codec && track?.codec && slot.codec !== track.codec ? `${slot.codec} instead of ${track.codec}` : "";
  return [width && height ? `${width}×${height}` : "", fps, some, other, rate(slot.rate)].filter(Boolean).join(", ");
}

/** What we encode of one layer of a video. */
export function encodingWords(e: Encoding): string {
  if (!e.active) return "Off: nobody needs it.";
  if (e.rate === 0 && e.limit === "bandwidth") return "Paused: not enough bandwidth.";
  if (e.rate === 0) return "Nothing is sent: browsers leave larger layers out of small pictures.";
  const size = e.width && e.height ? `${e.width}×${e.height}` : "";
  const limit = { cpu: "held back by this device", bandwidth: "held back by bandwidth" }[e.limit] ?? "";
  return [size, e.fps ? `${Math.round(e.fps)} fps` : "", rate(e.rate), limit].filter(Boolean).join(", ");
}

const layerNames: Record<string, string> = { q: "small", h: "medium", f: "large" };

/** What a layer is called. */
export function layerName(rid: string): string {
  return layerNames[rid] ?? rid;
}

/** A number above all of them at which an axis can end: 1, 2 or 5 times a power of ten. */
export function axisEnd(values: readonly (number | undefined)[], least: number): number {
  const most = Math.max(least, ...values.map((v) => v ?? 0));
  const power = 10 ** Math.floor(Math.log10(most));
  for (const step of [1, 2, 5, 10]) if (most <= step * power) return step * power;
  return most;
}

/** The line through what is known: a new one begins after what is not. The newest value stands at the right
 * edge, `steps` of them fill the width. */
export function line(values: readonly (number | undefined)[], steps: number, end: number, width: number, height: number): string {
  let path = "", pen = "M";
  values.forEach((v, i) => {
    if (v === undefined) return (pen = "M");
    const x = width - ((values.length - 1 - i) * width) / (steps - 1);
    const y = height - (Math.min(v, end) / end) * height;
    path += `${pen}${round(x)} ${round(y)}`;
    return (pen = "L");
  });
  return path;
}

function round(v: number): number {
  return Math.round(v * 10) / 10;
}
