// How what the doctor measured is rated and said. client/doctor says the same in Go.
import type { Finding, FindingState } from "../../sdk/src/protocol";
import type { Echo } from "./doctorlink";

/** What a rating says of a finding. */
export type Rating = Pick<Finding, "state" | "text" | "fix" | "values">;

export function worst(findings: readonly Finding[]): FindingState {
  if (findings.some((f) => f.state === "fail")) return "fail";
  return findings.some((f) => f.state === "warn") ? "warn" : "ok";
}

export function median(trips: readonly number[]): number {
  const sorted = [...trips].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/** The mean change from one round trip to the next. */
export function jitter(trips: readonly number[]): number {
  if (trips.length < 2) return 0;
  let sum = 0;
  trips.forEach((t, i) => (sum += i ? Math.abs(t - (trips[i - 1] ?? t)) : 0));
  return sum / (trips.length - 1);
}

/** What people notice: about 150 ms each way (ITU-T G.114), a few percent lost. */
export function judgeEcho(e: Echo): Rating {
  if (e.trips.length === 0) {
    return {
      state: "fail", text: `None of ${e.sent} packets came back.`,
      fix: "Try again; where it stays so, something on the way drops packets once a link is up.",
    };
  }
  const loss = 1 - e.trips.length / e.sent, trip = median(e.trips), swing = jitter(e.trips);
  const values = { rtt: trip, jitter: swing, loss };
  const text = `A packet takes ${ms(trip)} there and back, give or take ${ms(swing)}; ${percent(loss)} of ${e.sent} were lost.`;
  if (loss > 0.1) return { state: "fail", text: `${text} Speech breaks up at that.`, fix: "Use a cable or another network; on Wi-Fi, come nearer to it.", values };
  const line = "Use a cable instead of Wi-Fi, or stop what else uses the line.";
  if (loss > 0.02) return { state: "warn", text, fix: line, values };
  if (trip > 400) return { state: "warn", text: `${text} People will talk into each other's words.`, fix: "Use a server that is nearer, or a line without a satellite or VPN.", values };
  if (swing > 40) return { state: "warn", text: `${text} It varies much, so that speech is held back to even it out.`, fix: line, values };
  return { state: "ok", text, values };
}

/** Speeds in bit/s, by what pictures need. */
export function judgeSpeed(what: string, down: number, up: number): Rating {
  const text = `${what} ${rate(down)} to you and ${rate(up)} from you.`;
  const fix = "Stop what else uses the line, use a cable instead of Wi-Fi, or send without a camera.";
  const values = { down, up };
  const least = Math.min(down, up);
  if (least < 300e3) return { state: "fail", text: `${text} That is too little for a picture.`, fix, values };
  if (least < 1.5e6) return { state: "warn", text: `${text} That is enough for a small picture only.`, fix, values };
  return { state: "ok", text, values };
}

/** The server's clock is `offset` milliseconds ahead of ours, known to `within`. */
export function judgeClock(offset: number, within: number): Rating {
  const size = Math.abs(offset);
  const values = { offsetMilliseconds: offset, uncertainMilliseconds: within };
  const text = `The server's clock is ${(size / 1000).toFixed(size < 10_000 ? 1 : 0)} s ${offset < 0 ? "behind" : "ahead of"} this device's.`;
  const fix = "Set the clock of the one that is wrong by the network (“set time automatically”).";
  if (size - within > 30_000) return { state: "fail", text: `${text} Invitations seem expired or not valid yet.`, fix, values };
  if (size - within > 2000) return { state: "warn", text, fix, values };
  return { state: "ok", text: `The clocks of the server and this device agree within ${ms(Math.max(size, within))}.`, values };
}

/** What the addresses that STUN servers saw tell about the NAT: one for each server that answered. */
export function judgeNAT(seen: ReadonlyMap<string, string>, servers: number, host: ReadonlySet<string>): Rating {
  if (servers === 0) return { state: "skip", text: "The server offers no STUN, so that the kind of NAT cannot be known from here." };
  const mapped = [...new Set(seen.values())];
  const first = mapped[0];
  if (first === undefined) {
    return { state: "skip", text: "No STUN server told another address than this device's own: there is no NAT in between, or UDP is blocked." };
  }
  const address = first.slice(0, first.lastIndexOf(":"));
  if (host.has(address)) return { state: "ok", text: `There is no NAT in between: the server sees this device's own address, ${address}.` };
  if (mapped.length > 1) {
    return {
      state: "warn", text: "A NAT gives this device another port for each server: direct links between participants will need a relay. Calls through the server work.",
      fix: "Nothing needs to be done for calls through the server. For direct links, let the server relay.",
    };
  }
  if (seen.size > 1) return { state: "ok", text: `A NAT shows this device as ${address} to everybody: direct links between participants work as a rule.` };
  return { state: "ok", text: `A NAT shows this device as ${address}. Whether it does the same towards others cannot be known from one server's address.` };
}

/** Why a device did not open. */
export function judgeDeviceError(err: unknown): Rating {
  const name = err instanceof Error ? err.name : "";
  switch (name) {
    case "NotAllowedError":
    case "SecurityError":
      return { state: "fail", text: "The browser did not allow it.", fix: "Click the lock or camera sign next to the address, allow camera and microphone for this page, and test again." };
    case "NotFoundError":
    case "OverconstrainedError":
      return { state: "fail", text: "There is none at this device.", fix: "Plug one in, or join without it: you still see and hear the others." };
    case "NotReadableError":
    case "AbortError":
      return { state: "fail", text: "It is there but does not start.", fix: "Close other programs that use it, or plug it in anew, and test again." };
  }
  return { state: "fail", text: "It did not open.", fix: "Load the page again, or try another browser." };
}

export function ms(value: number): string {
  return value < 10 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`;
}

export function percent(share: number): string {
  return share > 0 && share < 0.01 ? `${(share * 100).toFixed(1)} %` : `${Math.round(share * 100)} %`;
}

/** Bits per second in words. */
export function rate(bits: number): string {
  if (bits < 1000) return `${Math.round(bits)} bit/s`;
  if (bits < 1e6) return `${Math.round(bits / 1e3)} kbit/s`;
  if (bits < 10e6) return `${(bits / 1e6).toFixed(1)} Mbit/s`;
  return `${Math.round(bits / 1e6)} Mbit/s`;
}
