// Asking others in: who may, and what the button does.
import { invite } from "./api";
import type { Call } from "./call";
import { loadSeat } from "./memory";

export function canInvite(call: Call): boolean {
  return call.room.grants.moderate ?? false;
}

export function seatToken(call: Call): string {
  return loadSeat(call.room.name)?.token ?? "";
}

export function invitePeople(call: Call): void {
  void copyInvitation(call);
}

async function copyInvitation(call: Call): Promise<void> {
  try {
    await copyText(await invite(call.room.name, seatToken(call)), call);
  } catch (e) {
    call.news.say(e instanceof Error && e.message ? e.message : "The invitation could not be made.");
  }
}

/** Pages without HTTPS have no clipboard: then the link is shown to be copied by hand. */
async function copyText(link: string, call: Call): Promise<void> {
  try {
    await navigator.clipboard.writeText(link);
    call.news.say("The invitation link was copied.");
  } catch {
    call.news.say(link);
  }
}
