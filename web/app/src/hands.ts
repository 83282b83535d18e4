// Raised hands, kept in an attribute of the participant: a number that grows, so that all pages show
// the hands in one order without a common clock.
import type { Participant, ParticipantID } from "../../sdk/src/index";

const attribute = "hand";

/** Those with a raised hand, the first to raise it first. */
export function raisedHands(participants: readonly Participant[]): Participant[] {
  const up = participants.filter((p) => number(p) > 0);
  return up.sort((a, b) => number(a) - number(b) || a.joinedAt - b.joinedAt || (a.id < b.id ? -1 : 1));
}

export function handUp(participant: Participant | undefined): boolean {
  return participant !== undefined && number(participant) > 0;
}

/** The attributes that raise a hand behind all others. */
export function raise(participants: readonly Participant[]): Record<string, string> {
  const last = Math.max(0, ...participants.map(number));
  return { [attribute]: String(last + 1) };
}

/** The attributes that put it down. */
export const lower: Record<string, string> = { [attribute]: "" };

/** Who has raised a hand that was down before. */
export function newHands(before: readonly Participant[], now: readonly Participant[]): Participant[] {
  const old = new Set<ParticipantID>(raisedHands(before).map((p) => p.id));
  return raisedHands(now).filter((p) => !old.has(p.id));
}

/** Others may write anything: what is no sensible number is no hand. */
function number(p: Participant): number {
  const n = Number(p.attributes?.[attribute] ?? 0);
  return Number.isSafeInteger(n) && n > 0 && n < Number.MAX_SAFE_INTEGER ? n : 0;
}
