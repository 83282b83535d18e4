// Which tiles there are, and how they fill the space.
import type { Participant, ParticipantID, Track } from "../../sdk/src/index";

/** One rectangle of the call: a person, or a screen that someone shares. */
export interface TileModel {
  key: string;
  participant: Participant;
  /** The video to show; a person without one is shown by their initials. */
  video?: Track;
  screen: boolean;
  you: boolean;
}

export interface Order {
  you: ParticipantID;
  /** When each was last heard, in any unit. */
  spoke: ReadonlyMap<ParticipantID, number>;
  /** How many people fit. */
  limit: number;
}

/** Makes the tiles: screens, then people by the time they came. With more people than fit, those who
 * spoke last are among them. Your own screen is no tile: it would show itself. */
export function makeTiles(participants: readonly Participant[], order: Order): { tiles: TileModel[]; hidden: number } {
  const tiles = participants.flatMap((p) => tilesOf(p, p.id === order.you));
  const screens = tiles.filter((t) => t.screen);
  const people = tiles.filter((t) => !t.screen);
  const room = Math.max(1, order.limit);
  if (people.length <= room) return { tiles: [...screens, ...people], hidden: 0 };
  const chosen = new Set([...people].sort((a, b) => importance(b, order) - importance(a, order)).slice(0, room));
  return { tiles: [...screens, ...people.filter((t) => chosen.has(t))], hidden: people.length - room };
}

function importance(tile: TileModel, order: Order): number {
  if (tile.you) return Number.MAX_SAFE_INTEGER;
  return order.spoke.get(tile.participant.id) ?? -tile.participant.joinedAt / 1e15;
}

function tilesOf(participant: Participant, you: boolean): TileModel[] {
  const videos = participant.tracks.filter((t) => t.kind === "video");
  const screens = you ? [] : videos.filter((t) => t.source === "screen");
  const others = videos.filter((t) => t.source !== "screen");
  const person = (video: Track | undefined, n: number): TileModel => {
    return { key: `${participant.id}/${n}`, participant, video, screen: false, you };
  };
  return [
    ...screens.map((video) => ({ key: video.id, participant, video, screen: true, you })),
    ...(others.length > 0 ? others.map(person) : [person(undefined, 0)]),
  ];
}

export interface Size {
  width: number;
  height: number;
}

const widest = 16 / 9;
export const screenRatio = 4 / 3; // screens are cut nowhere, so a tall tile would be half empty
const tallest = 4 / 5; // faces bear to be cut to that on a phone held upright

/** The size of n equal tiles that fills the space best; none is narrower than `narrowest` (width by
 * height). */
export function fitTiles(n: number, space: Size, gap: number, narrowest = tallest): Size {
  let best: Size = { width: 0, height: 0 };
  for (let columns = 1; columns <= n; columns++) {
    const rows = Math.ceil(n / columns);
    const width = (space.width - gap * (columns - 1)) / columns;
    const size = shape(width, (space.height - gap * (rows - 1)) / rows, narrowest);
    if (size.width * size.height > best.width * best.height) best = size;
  }
  return best;
}

function shape(width: number, height: number, narrowest: number): Size {
  if (width <= 0 || height <= 0) return { width: 0, height: 0 };
  const ratio = Math.min(widest, Math.max(narrowest, width / height));
  const fitted = width / height > ratio ? { width: height * ratio, height } : { width, height: width / ratio };
  return { width: Math.floor(fitted.width), height: Math.floor(fitted.height) };
}

/** One or two letters for someone without a picture. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return letters.map((w) => [...(w ?? "")][0] ?? "").join("").toUpperCase() || "?";
}

/** A hue for someone, always the same for the same id. */
export function hue(id: string): number {
  let h = 2166136261; // FNV-1a: like ids get unlike hues
  for (const c of id) h = Math.imul(h ^ (c.codePointAt(0) ?? 0), 16777619);
  return (h >>> 8) % 360;
}
