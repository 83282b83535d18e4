// From a seat into the call.
import { signal } from "@preact/signals";
import type { SwitchyardError } from "../../sdk/src/index";
import { Call } from "./call";
import { openDevices } from "./devices";
import { loadName, loadSeat } from "./memory";

/** A lobby has opened the devices that are wanted; after a reload none has. */
export const devicesReady = signal(false);

/** Joins with the devices of the lobby, or after a reload with those that were on. Undefined where it did
 * not work: then `end` was told. */
export async function enter(room: string, end: (e: SwitchyardError | undefined) => void): Promise<Call | undefined> {
  const seat = loadSeat(room);
  if (!seat) return undefined;
  if (!devicesReady.value && seat.role !== "viewer") await openDevices(seat);
  devicesReady.value = false;
  try {
    return await Call.join(room, seat, loadName(), end);
  } catch (e) {
    end(e as SwitchyardError);
    return undefined;
  }
}
