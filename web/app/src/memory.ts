// What this tab remembers of a room, so that a reload goes back into the call.

export interface Seat {
  token: string;
  role?: string;
  /** In the call when the page went: a reload goes straight back. */
  joined: boolean;
  camera: boolean;
  microphone: boolean;
}

const seatKey = (room: string) => `switchyard:${room}`;
const nameKey = "switchyard:name";

export function loadSeat(room: string): Seat | undefined {
  const text = read(() => sessionStorage.getItem(seatKey(room)));
  if (!text) return undefined;
  try {
    const seat = JSON.parse(text) as Partial<Seat>;
    if (typeof seat.token !== "string") return undefined;
    return { joined: false, camera: true, microphone: true, ...seat, token: seat.token };
  } catch {
    return undefined;
  }
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

export function loadName(): string {
  return read(() => localStorage.getItem(nameKey)) ?? "";
}

export function saveName(name: string): void {
  read(() => localStorage.setItem(nameKey, name));
}

/** Storage may be switched off: then a reload asks again, and that is all. */
function read<T>(access: () => T): T | undefined {
  try {
    return access();
  } catch {
    return undefined;
  }
}
