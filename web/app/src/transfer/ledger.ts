// What this browser remembers of transfers that it has begun to receive: enough to go on in another tab, or tomorrow. It is
// forgotten when a transfer is complete, and after a week.
import type { Offer, Seat } from "../../../sdk/src/transfer/shape";
import { forgetStorage, storedIDs } from "./storagedisk";

export interface Unfinished {
  id: string;
  /** The key as it stands in the link, with `.p` where there is a passphrase. */
  key: string;
  seat: Seat;
  passphrase?: string;
  /** What it is called, once the offer was accepted. */
  name?: string | undefined;
  kind?: Offer["kind"];
  verified: number;
  total: number;
  /** The folder that was chosen; none where it goes to the browser's storage. */
  folder?: FileSystemDirectoryHandle | undefined;
  /** Numbers of the entries that were not chosen, and of which offer. */
  skip?: readonly number[];
  mark?: string | undefined;
  /** When it was written last, in ms since 1970. */
  at: number;
}

const keptFor = 7 * 86_400_000; // ms
const store = "unfinished";

export async function loadUnfinished(now = Date.now()): Promise<Unfinished[]> {
  const all = await ask<Unfinished[]>("readonly", (s) => s.getAll() as IDBRequest<Unfinished[]>);
  return (all ?? []).filter((u) => u.at > now - keptFor).sort((a, b) => b.at - a.at);
}

export function findUnfinished(id: string): Promise<Unfinished | undefined> {
  return ask("readonly", (s) => s.get(id) as IDBRequest<Unfinished | undefined>);
}

export async function noteUnfinished(u: Unfinished): Promise<void> {
  await ask("readwrite", (s) => s.put(u));
}

/** Forgets it, with what has come of it. */
export async function forgetUnfinished(id: string): Promise<void> {
  await ask("readwrite", (s) => s.delete(id));
  await forgetStorage(id);
}

/** Only its entry: the files are still being looked at. They go with the next tidyUp(). */
export async function closeUnfinished(id: string): Promise<void> {
  await ask("readwrite", (s) => s.delete(id));
}

/** Throws away what belongs to no transfer that could go on; `busy` is the one that is open here. Other tabs hold a lock on theirs. */
export async function tidyUp(busy = ""): Promise<void> {
  const live = await loadUnfinished();
  const old = (await ask<Unfinished[]>("readonly", (s) => s.getAll() as IDBRequest<Unfinished[]>)) ?? [];
  for (const u of old) if (!live.some((l) => l.id === u.id)) await forgetUnfinished(u.id);
  for (const id of await storedIDs()) {
    if (id === busy || live.some((l) => l.id === id)) continue;
    await navigator.locks?.request(lockOf(id), { ifAvailable: true }, async (free) => {
      if (free) await forgetStorage(id);
    });
  }
}

export function lockOf(id: string): string {
  return `switchyard-transfer-${id}`;
}

/** Holds a transfer for this tab until the result is called; undefined where another tab has it. */
export function hold(id: string): Promise<(() => void) | undefined> {
  if (!navigator.locks) return Promise.resolve(() => {});
  return new Promise((tell) => {
    void navigator.locks.request(lockOf(id), { ifAvailable: true }, (lock) => {
      if (!lock) return tell(undefined);
      return new Promise<void>((free) => tell(free));
    });
  });
}

/** Storage may be switched off: then nothing is remembered, and that is all. */
function ask<T>(mode: IDBTransactionMode, what: (s: IDBObjectStore) => IDBRequest<T>): Promise<T | undefined>;
function ask(mode: IDBTransactionMode, what: (s: IDBObjectStore) => IDBRequest<unknown>): Promise<unknown> {
  return new Promise((resolve) => {
    try {
      const opening = indexedDB.open("switchyard-transfers", 1);
      opening.onupgradeneeded = () => opening.result.createObjectStore(store, { keyPath: "id" });
      opening.onerror = () => resolve(undefined);
      opening.onsuccess = () => {
        const db = opening.result;
        const request = what(db.transaction(store, mode).objectStore(store));
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => resolve(undefined);
        request.transaction!.oncomplete = () => db.close();
      };
    } catch {
      resolve(undefined);
    }
  });
}
