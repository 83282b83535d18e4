// The ways into a room: what this browser knows of it, then what the server allows.
import { SwitchyardError } from "../../sdk/src/index";
import { enterRoom, readOpenRoom } from "./api";
import { findRecent, loadSeat, noteRecent, saveSeat, tokenEnd } from "./memory";

export type Way =
  | { by: "seat"; role?: string } /* a token is there */
  | { by: "open"; role: string; key?: string } /* by the room's name, or as who started it */
  | { by: "invitation"; path: string };

const tooShort = 60_000; // ms: a token that ends sooner is not worth a try

/** The best way in; undefined where there is none. Throws where the server does not say. */
export async function findWay(room: string): Promise<Way | undefined> {
  const seat = loadSeat(room);
  if (seat) return { by: "seat", role: seat.role };
  const known = findRecent(room);
  if (known?.token && tokenEnd(known.token) > Date.now() + tooShort) {
    takeSeat(room, known.token, known.role, false);
    return { by: "seat", role: known.role };
  }
  if (known?.key) return { by: "open", role: "host", key: known.key };
  if (known?.invitation) return { by: "invitation", path: `/i/${encodeURIComponent(known.invitation)}` };
  try {
    const { role } = await readOpenRoom(room);
    return { by: "open", role };
  } catch (e) {
    if (e instanceof SwitchyardError && e.code === "not-found") return undefined;
    throw e;
  }
}

/** Makes the seat of an open room. */
export async function enterOpenRoom(room: string, name: string, key?: string): Promise<void> {
  const { token, role } = await enterRoom(room, name, key);
  takeSeat(room, token, role, true);
}

/** Keeps a token for this tab, and for coming back. */
export function takeSeat(room: string, token: string, role: string | undefined, joined: boolean, invitation?: string): void {
  saveSeat(room, { token, role, joined, camera: true, microphone: true });
  noteRecent(room, { token, role, ...(invitation && { invitation }) });
}
