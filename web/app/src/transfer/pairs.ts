// The devices that this one was paired with: kept in this browser until they are forgotten.
import { signal } from "@preact/signals";
import { fromB64, random, utf8, type Bytes } from "../../../sdk/src/transfer/bytes";
import { hkdf } from "../../../sdk/src/transfer/keys";
import type { Me, Pairing } from "../../../sdk/src/transfer/pair";
import { deviceName } from "./device";

const listKey = "switchyard:pairs";
const nameKey = "switchyard:device-name";
const forgottenKey = "switchyard:pairs-forgotten";
const mostForgotten = 16;
const letters = "abcdefghijklmnopqrstuvwxyz234567";
/** How many the server looks for at once. */
export const mostPairs = 16;
export const mostName = 64; // characters

export interface Pair {
  /** Where both find each other: all that the server sees. */
  id: string;
  /** b64 of 32 bytes. */
  secret: string;
  /** What this browser's person calls it. */
  name: string;
  /** When it was paired, in ms since 1970. */
  at: number;
}

export const pairs = signal<readonly Pair[]>(load());

// Other tabs change them, too.
globalThis.addEventListener?.("storage", (e) => {
  if (e.key === listKey || e.key === null) pairs.value = load();
});

export function pairSecret(p: Pair): Bytes {
  return fromB64(p.secret, 32) ?? random(32);
}

/** The id that both devices derive from the secret, and nobody else. */
export async function pairID(secret: Bytes): Promise<string> {
  const bytes = await hkdf(secret, utf8("switchyard pair id v1"));
  let id = "";
  for (let bit = 0; id.length < 26; bit += 5) {
    const two = ((bytes[bit >> 3] ?? 0) << 8) | (bytes[(bit >> 3) + 1] ?? 0);
    id += letters[(two >> (11 - (bit & 7))) & 31];
  }
  return id;
}

/** Keeps a device; one that was paired before takes the place of itself, with the name that it has here. */
export async function rememberPair({ secret, name, before }: Pairing): Promise<Pair> {
  const bytes = fromB64(secret, 32);
  if (!bytes) throw new Error("A pair has a secret of 32 bytes.");
  const id = await pairID(bytes);
  const same = (p: Pair) => p.id === id || p.id === before;
  const known = pairs.value.find(same);
  const pair = { id, secret, name: known?.name ?? name, at: Date.now() };
  save([pair, ...pairs.value.filter((p) => !same(p))]);
  return pair;
}

const ofPairs = new Set<string>(); // transfers

/** A transfer is with a device that is paired already. */
export function notePaired(transfer: string): void {
  ofPairs.add(transfer);
}

export function isPaired(transfer: string): boolean {
  return ofPairs.has(transfer);
}

export function renamePair(id: string, name: string): void {
  save(pairs.value.map((p) => (p.id === id && name.trim() ? { ...p, name: name.trim().slice(0, mostName) } : p)));
}

export function forgetPair(id: string): void {
  write(forgottenKey, JSON.stringify([id, ...forgotten()].slice(0, mostForgotten))); // of no use but to be known when paired anew
  save(pairs.value.filter((p) => p.id !== id));
}

/** How this device presents itself to one that it is paired with. */
export function ownName(): string {
  return read(nameKey) || deviceName().slice(0, mostName);
}

export function nameThis(name: string): void {
  write(nameKey, name.trim().slice(0, mostName));
}

/** The name is read when it is told, so that it can still be changed while the code is shown. */
export function presentation(): Me {
  return {
    get name() {
      return ownName();
    },
    known: [...pairs.value.map((p) => p.id), ...forgotten()],
  };
}

function forgotten(): string[] {
  try {
    const list: unknown = JSON.parse(read(forgottenKey) || "[]");
    return Array.isArray(list) ? list.filter((id) => typeof id === "string") : [];
  } catch {
    return [];
  }
}

function load(): Pair[] {
  try {
    const list: unknown = JSON.parse(read(listKey) || "[]");
    return Array.isArray(list) ? list.filter(isPair) : [];
  } catch {
    return [];
  }
}

function isPair(p: Partial<Pair> | null): p is Pair {
  return typeof p?.name === "string" && typeof p.at === "number" && /^[a-z2-7]{26}$/.test(p.id ?? "") && fromB64(p.secret, 32) !== undefined;
}

function save(list: readonly Pair[]): void {
  pairs.value = list;
  write(listKey, JSON.stringify(list));
}

function read(key: string): string {
  try {
    return localStorage.getItem(key) ?? "";
  } catch {
    return ""; // storage is switched off: nothing is remembered
  }
}

function write(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // as above
  }
}
