// The SDK's front door.
import { SwitchyardError } from "./error";
import type { ConnectOptions } from "./options";
import { roomFor, type Room } from "./room";

/** Joins a room. `url` is the room's page (https://host/r/name) or its API address
 * (wss://host/v1/rooms/name). Resolves when we are in; the room then keeps itself connected. */
export function connect(url: string, token: string, options: ConnectOptions = {}): Promise<Room> {
  const room = roomFor(url, token, options);
  leaveWithPage(room);
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      // Before it is left: that ends it without an error, too.
      reject(new SwitchyardError("unreachable", "The server does not answer. Check the connection and try again.", true));
      room.leave();
    }, options.timeout ?? 15_000);
    room.once("closed", (error) => {
      clearTimeout(timer);
      reject(error ?? new SwitchyardError("closed", "The room was left."));
    });
    room.once("state", () => {
      clearTimeout(timer);
      if (room.state === "connected") resolve(room);
    });
    room.start();
  });
}

/** Says goodbye when the page goes, so that the others need not wait for a time-out. */
function leaveWithPage(room: Room): void {
  if (typeof window === "undefined") return;
  const leave = () => room.leave();
  window.addEventListener("pagehide", leave);
  room.once("closed", () => window.removeEventListener("pagehide", leave));
}
