// Which tiles there are, and where each goes.
import type { Participant, ParticipantID, Track } from "../../sdk/src/index";

/** One rectangle of the call: a person, one more camera of theirs, or a screen that they share. */
export interface TileModel {
  key: string;
  participant: Participant;
  /** The video to show; a person without one is shown by their initials. */
  video?: Track;
  screen: boolean;
  you: boolean;
}

/** Makes the tiles: screens, then people by the time they came. Your own screen is no tile: it would
 * show itself. */
export function makeTiles(participants: readonly Participant[], you: ParticipantID): TileModel[] {
  const tiles = participants.flatMap((p) => tilesOf(p, p.id === you));
  return [...tiles.filter((t) => t.screen), ...tiles.filter((t) => !t.screen)];
}

/** The first tile of a person keeps its key when their camera goes on and off. */
function tilesOf(participant: Participant, you: boolean): TileModel[] {
  const videos = participant.tracks.filter((t) => t.kind === "video");
  const screens = you ? [] : videos.filter((t) => t.source === "screen");
  const others = videos.filter((t) => t.source !== "screen");
  const person = (video: Track | undefined, n: number): TileModel => {
    return { key: n === 0 || !video ? `${participant.id}/0` : video.id, participant, video, screen: false, you };
  };
  return [
    ...screens.map((video) => ({ key: video.id, participant, video, screen: true, you })),
    ...(others.length > 0 ? others.map(person) : [person(undefined, 0)]),
  ];
}

/** `auto`: a grid until a screen is shared or somebody is pinned. */
export type Layout = "auto" | "grid" | "speaker";

export interface Arrangement {
  /** Shown large; empty for a grid of equals. */
  featured: TileModel[];
  /** The grid, or the strip beside what is featured. */
  rest: TileModel[];
  /** In the corner of the stage: yourself, when only one other is there. */
  corner?: TileModel;
}

export interface Choice {
  layout: Layout;
  pinned: ReadonlySet<string>;
  /** Who spoke last, besides you. */
  speaker?: ParticipantID;
}

export function arrange(tiles: readonly TileModel[], choice: Choice): Arrangement {
  const featured = feature(tiles, choice);
  const rest = tiles.filter((t) => !featured.includes(t));
  const alone = rest.length === 1 && rest[0]?.you;
  if (alone && featured.length === 1 && !featured[0]?.screen) return { featured, rest: [], corner: rest[0] };
  const [one, two] = rest;
  if (featured.length === 0 && choice.layout === "auto" && rest.length === 2 && one && two && one.you !== two.you) {
    return { featured: [], rest: [one.you ? two : one], corner: one.you ? one : two };
  }
  return { featured, rest };
}

function feature(tiles: readonly TileModel[], { layout, pinned, speaker }: Choice): TileModel[] {
  const chosen = tiles.filter((t) => pinned.has(t.key));
  if (chosen.length > 0) return chosen;
  if (layout === "grid") return [];
  const screens = tiles.filter((t) => t.screen);
  if (screens.length > 0 || layout === "auto" || tiles.length < 2) return screens;
  const others = tiles.filter((t) => !t.you);
  const found = others.find((t) => t.participant.id === speaker) ?? others[0];
  return found ? [found] : [];
}

/** Cuts a grid into pages. The first has you and who spoke last (`spoke`: when, in any unit); within a
 * page all keep their places. */
export function paginate(tiles: readonly TileModel[], perPage: number, spoke: ReadonlyMap<ParticipantID, number>): TileModel[][] {
  const size = Math.max(1, perPage);
  if (tiles.length <= size) return [[...tiles]];
  const importance = (t: TileModel) =>
    t.you || t.screen ? Number.MAX_SAFE_INTEGER : (spoke.get(t.participant.id) ?? -t.participant.joinedAt / 1e15);
  const first = new Set([...tiles].sort((a, b) => importance(b) - importance(a)).slice(0, size));
  const order = [...tiles.filter((t) => first.has(t)), ...tiles.filter((t) => !first.has(t))];
  const pages: TileModel[][] = [];
  for (let i = 0; i < order.length; i += size) pages.push(order.slice(i, i + size));
  return pages;
}

export interface Size {
  width: number;
  height: number;
}

const widest = 16 / 9;
export const screenRatio = 4 / 3; // screens are cut nowhere, so a tall tile would be half empty
export const tallest = 4 / 5; // faces bear to be cut to that on a phone held upright
export const deskRatio = 4 / 3; // elsewhere there is room to cut less
const mostOnPage = 25;

/** The size of n equal tiles that fills the space best; none is narrower than `narrowest` (width by
 * height). */
export function fitTiles(n: number, space: Size, gap: number, narrowest = tallest): Size {
  if (n === 1) return { width: Math.floor(space.width), height: Math.floor(space.height) };
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

/** How many tiles a page holds so that none is smaller than `least`. */
export function tilesPerPage(space: Size, gap: number, least: Size, narrowest = tallest): number {
  for (let n = mostOnPage; n > 1; n--) {
    const { width, height } = fitTiles(n, space, gap, narrowest);
    if (width >= least.width && height >= least.height) return n;
  }
  return 1;
}

const leastShown = 0.44; // of a face's picture: a wide one may fill a tall tile, not the other way round

/** How a picture lies in its tile: `fill` cuts what stands over, but not where too much would go; then
 * a tall one is shown whole, and a wide one cut as far as `tallest`. */
export type Lie = "fill" | "whole" | "middle";

export function lie(picture: Size, tile: Size): Lie {
  if (picture.width <= 0 || picture.height <= 0 || tile.width <= 0 || tile.height <= 0) return "fill";
  const a = picture.width / picture.height;
  const b = tile.width / tile.height;
  if (Math.min(a / b, b / a) >= leastShown) return "fill";
  return a > tallest && b < tallest ? "middle" : "whole";
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
