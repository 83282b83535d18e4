// What a tile says about pictures that do not come, and connections that do badly.
import type { ParticipantQuality, Slot, Track } from "../../sdk/src/index";

/** Why a track that is not muted shows no picture; empty while it may just be on its way. */
export function troubleWords(slot: Slot | undefined, track: Track, late: boolean): string {
  switch (slot?.paused) {
    case "codec":
      return `Your browser cannot play ${track.codec || "this kind of"} video. Another browser may.`;
    case "bandwidth":
      return "Paused: your connection is too slow for it now. It comes back by itself.";
    case "no-media":
      return "No picture is coming from their side.";
    case "muted":
      return "";
  }
  if (!late) return "";
  return slot ? "The picture does not arrive." : "More is shown than fits: pin it to see it.";
}

/** A weak connection in words; empty for a good one. */
export function qualityWords(q: ParticipantQuality | undefined): string {
  if (!q || q.quality === "good") return "";
  const what = { fair: "Fair connection", poor: "Poor connection", lost: "Connection lost" }[q.quality] ?? "";
  const details = [q.loss && `${Math.round(q.loss * 100)} % lost`, q.rtt && `${Math.round(q.rtt)} ms away`].filter(Boolean);
  return details.length > 0 ? `${what} (${details.join(", ")})` : what;
}
