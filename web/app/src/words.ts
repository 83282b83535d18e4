// What went wrong, in words that say what to do.
import { SwitchyardError } from "../../sdk/src/index";

export interface Words {
  title: string;
  text: string;
  /** Trying the same again can help. */
  again: boolean;
}

/** Why someone is not (or no longer) in a room. */
export function endWords(e: unknown): Words {
  const error = e instanceof SwitchyardError ? e : undefined;
  switch (error?.code) {
    case "room-full":
      return { title: "The room is full", text: "Wait until someone leaves, then try again.", again: true };
    case "removed":
      return { title: "You were removed", text: said(error, "A moderator removed you from the room."), again: false };
    case "replaced":
      return { title: "You joined elsewhere", text: "This call goes on in another tab or on another device.", again: true };
    case "room-closed":
      return { title: "The room was closed", text: said(error, "A moderator ended the call for everyone."), again: false };
    case "unauthorized":
      return { title: "Your invitation has expired", text: "Ask whoever invited you for a new link.", again: false };
    case "forbidden":
      return { title: "That is not allowed", text: said(error, "Your invitation does not allow it."), again: false };
    case "unreachable":
    case "timeout":
      return { title: "The server does not answer", text: "Check your internet connection, then try again.", again: true };
    default:
      return { title: "The call did not work", text: said(error, "Please try again."), again: true };
  }
}

const spent = "It has expired, was used already or was withdrawn. Ask for a new link.";

/** Why an invitation cannot be taken. */
export function invitationWords(e: unknown): Words {
  if (!(e instanceof SwitchyardError) || e.code !== "not-found") return endWords(e);
  return { title: "This invitation is no longer valid", text: said(e, spent), again: false };
}

/** Why a camera, microphone or screen cannot be used, and how to change that. */
export function deviceWords(e: unknown, what: "camera" | "microphone" | "screen"): string {
  const code = e instanceof SwitchyardError ? e.code : undefined;
  switch (code) {
    case "denied":
      return what === "screen"
        ? "The browser may not share the screen. Allow it in the system's privacy settings."
        : `The browser may not use your ${what}. Allow it by the symbol beside the address, then try again.`;
    case "no-device":
      return `No ${what} was found.`;
    case "device-busy":
      return `Your ${what} could not be opened. Another program may be using it.`;
    case "insecure":
      return `Browsers allow the ${what} only on pages that begin with https:// (or on localhost).`;
    default:
      return `The ${what} does not work here.`;
  }
}

function said(e: SwitchyardError | undefined, otherwise: string): string {
  return e?.message || otherwise;
}
