// What this browser remembers: the name, the devices, the rooms one was in; and what this tab
// remembers of a room, so that a reload goes back into the call.
import type { Grants } from "../../sdk/src/index";
import type { Made } from "./invitations";

export interface Seat {
  token: string;
  role?: string;
  /** In the call when the page went: a reload goes straight back. */
  joined: boolean;
  camera: boolean;
  microphone: boolean;
}

/** A room that one was in, and how one gets in again. */
export interface Recent {
  room: string;
  /** When one was there last, in ms since 1970. */
  at: number;
  role?: string;
  /** The token of the last visit: good until it expires. */
  token?: string;
  /** The secret of who started the room. */
  key?: string;
  /** The invitation that led there. */
  invitation?: string;
}

const seatKey = (room: string) => `switchyard:${room}`;
const madeKey = (room: string) => `switchyard:made:${room}`;
const nameKey = "switchyard:name";
const deviceKey = (kind: string) => `switchyard:device:${kind}`;
const recentKey = "switchyard:recent";
const mostRecents = 8;

// ---- the seat: of this tab ----

export function loadSeat(room: string): Seat | undefined {
  const seat = parse<Partial<Seat>>(read(() => sessionStorage.getItem(seatKey(room))));
  if (!seat || typeof seat.token !== "string") return undefined;
  return { joined: false, camera: true, microphone: true, ...seat, token: seat.token };
}

export function saveSeat(room: string, seat: Seat): void {
  read(() => sessionStorage.setItem(seatKey(room), JSON.stringify(seat)));
}

export function changeSeat(room: string, change: Partial<Seat>): void {
  const seat = loadSeat(room);
  if (seat) saveSeat(room, { ...seat, ...change });
}

export function forgetSeat(room: string): void {
  read(() => sessionStorage.removeItem(seatKey(room)));
}

/** The invitations that this tab made for a room. */
export function loadMade(room: string): Made[] {
  const list = parse<unknown>(read(() => sessionStorage.getItem(madeKey(room))));
  if (!Array.isArray(list)) return [];
  return list.filter((m): m is Made => typeof m?.id === "string" && typeof m?.url === "string" && typeof m?.expires === "string" && !!m?.wish);
}

export function saveMade(room: string, made: Made[]): void {
  read(() => sessionStorage.setItem(madeKey(room), JSON.stringify(made)));
}

// ---- of this browser ----

export function loadName(): string {
  return read(() => localStorage.getItem(nameKey)) ?? "";
}

export function saveName(name: string): void {
  read(() => localStorage.setItem(nameKey, name));
}

export function loadDevice(kind: string): string {
  return read(() => localStorage.getItem(deviceKey(kind))) ?? "";
}

export function saveDevice(kind: string, id: string): void {
  read(() => localStorage.setItem(deviceKey(kind), id));
}

/** The rooms one was in, the latest first. */
export function loadRecents(): Recent[] {
  const list = parse<unknown>(read(() => localStorage.getItem(recentKey)));
  if (!Array.isArray(list)) return [];
  return list.filter((r): r is Recent => typeof r?.room === "string" && typeof r?.at === "number");
}

export function findRecent(room: string): Recent | undefined {
  return loadRecents().find((r) => r.room === room);
}

/** Notes a visit; what is known of the room from before stays. */
export function noteRecent(room: string, what: Partial<Recent>, now = Date.now()): void {
  const list = loadRecents();
  const known = list.find((r) => r.room === room);
  const others = list.filter((r) => r.room !== room);
  saveRecents([{ ...known, ...what, room, at: now }, ...others].slice(0, mostRecents));
}

/** Forgets a room, or only some of what is known of it. */
export function forgetRecent(room: string, ...what: ("token" | "key" | "invitation")[]): void {
  const keep = (r: Recent): Recent[] => {
    if (r.room !== room) return [r];
    if (what.length === 0) return [];
    return [Object.fromEntries(Object.entries(r).filter(([k]) => !what.some((w) => w === k))) as unknown as Recent];
  };
  saveRecents(loadRecents().flatMap(keep));
  if (what.length === 0) forgetSeat(room);
}

function saveRecents(list: Recent[]): void {
  read(() => localStorage.setItem(recentKey, JSON.stringify(list)));
}

/** When a token ends, in ms since 1970; 0 where that cannot be read. The server decides; this only
 * keeps us from trying in vain. */
export function tokenEnd(token: string): number {
  const end = claimsOf(token).exp;
  return typeof end === "number" ? end * 1000 : 0;
}

/** What a token allows, as far as it can be read: for what is shown, never for what is allowed. */
export function tokenGrants(token: string): Partial<Grants> {
  const { grants } = claimsOf(token);
  return typeof grants === "object" && grants !== null ? grants : {};
}

function claimsOf(token: string): { exp?: unknown; grants?: unknown } {
  const [, claims = ""] = token.split(".");
  const text = read(() => atob(claims.replaceAll("-", "+").replaceAll("_", "/")));
  const found = parse<unknown>(text);
  return typeof found === "object" && found !== null ? found : {};
}

/** Storage may be switched off: then a reload asks again, and that is all. */
function read<T>(access: () => T): T | undefined {
  try {
    return access();
  } catch {
    return undefined;
  }
}

function parse<T>(text: string | null | undefined): T | undefined {
  if (!text) return undefined;
  return read(() => JSON.parse(text) as T) ?? undefined;
}
