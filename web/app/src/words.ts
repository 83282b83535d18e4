// What went wrong, in words that say what to do.
import { SwitchyardError } from "../../sdk/src/index";
import { ApiError } from "./api";
import { browserOf, type Browser } from "./browser";

export type Sign = "wave" | "clock" | "lock" | "full" | "out" | "tabs" | "plug" | "lost" | "browser" | "end";

export interface Words {
  title: string;
  text: string;
  /** Trying the same again can help. */
  again: boolean;
  /** The picture over it. */
  sign?: Sign;
  /** A look at the connection can help. */
  check?: boolean;
}

/** Why someone is not (or no longer) in a room. */
export function endWords(e: unknown): Words {
  const error = e instanceof SwitchyardError ? e : undefined;
  switch (error?.code) {
    case "room-full":
      return { title: "The room is full", text: "Wait until someone leaves, then try again.", again: true, sign: "full" };
    case "removed":
      return { title: "You were removed", text: said(error, "A moderator removed you from the room."), again: false, sign: "out" };
    case "replaced":
      return { title: "You joined elsewhere", text: "This call goes on in another tab or on another device. Join again to bring it here.", again: true, sign: "tabs" };
    case "room-closed":
      return { title: "The room was closed", text: said(error, "A moderator ended the call for everyone."), again: false, sign: "end" };
    case "unauthorized":
      return { title: "Your invitation has expired", text: "Ask whoever invited you for a new link.", again: false, sign: "clock" };
    case "forbidden":
      return { title: "That is not allowed", text: said(error, "Your invitation does not allow it."), again: false, sign: "lock" };
    case "shutting-down":
      return { title: "The server is restarting", text: "It ends all calls for a moment. Wait a minute, then join again.", again: true, sign: "plug" };
    case "limit":
      return { title: "Too much at once", text: said(error, "Wait a minute, then try again."), again: true, sign: "clock" };
    case "unreachable":
    case "timeout":
      return { title: "The server does not answer", text: "Check your internet connection, then try again.", again: true, sign: "lost", check: true };
    default:
      return { title: "The call did not work", text: said(error, "Please try again."), again: true, sign: "lost", check: true };
  }
}

const ended: Record<string, Words> = {
  expired: { title: "This invitation has expired", text: "It is no longer valid. Ask whoever sent it for a new one.", again: false, sign: "clock" },
  revoked: { title: "This invitation was withdrawn", text: "It is no longer valid. Ask whoever sent it for a new one.", again: false, sign: "lock" },
  "used-up": {
    title: "This invitation has been used",
    text: "It is no longer valid: as many people have joined with it as it was made for. Ask whoever sent it for one of your own.",
    again: false,
    sign: "full",
  },
};

/** Why an invitation cannot be taken: of an answer's reason, or of an error. */
export function invitationWords(e: unknown): Words {
  const reason = e instanceof ApiError ? e.reason : typeof e === "string" ? e : "";
  const known = ended[reason];
  if (known) return known;
  const unknown = typeof e === "string" || (e instanceof SwitchyardError && e.code === "not-found");
  if (unknown) {
    return { title: "This invitation is no longer valid", text: "It may have been copied in part, or it ended long ago. Open the whole link, or ask for a new one.", again: false, sign: "lock" };
  }
  return e instanceof SwitchyardError && e.code === "limit"
    ? { title: "Too many tries", text: said(e, "Wait a minute, then open the whole link again."), again: true, sign: "clock" }
    : endWords(e);
}

/** There is no way into the room from here. */
export function noWayWords(room: string): Words {
  return {
    title: `You need an invitation to ${room}`,
    text: "Ask someone in the call for an invitation link, and open it on this device. If you know the room’s name, check its spelling.",
    again: false,
    sign: "lock",
  };
}

export const unknownPage: Words = {
  title: "There is nothing at this address",
  text: "Check that you have the whole link, or begin at the start page.",
  again: false,
  sign: "lost",
};

export const oldBrowser: Words = {
  title: "This browser is too old for calls",
  text: "It cannot do what calls need. Update it, or open this page in a current Firefox, Chrome, Edge or Safari.",
  again: false,
  sign: "browser",
};

export const leftCall: Words = { title: "You left the call", text: "The others go on without you. You can come back at any time.", again: true, sign: "wave" };

/** Why a camera, microphone or screen cannot be used, and how to change that. */
export function deviceWords(e: unknown, what: "camera" | "microphone" | "camera and microphone" | "screen", browser: Browser = browserOf()): string {
  const code = e instanceof SwitchyardError ? e.code : undefined;
  switch (code) {
    case "denied":
      return what === "screen"
        ? "The browser may not share the screen. Allow it in the system’s privacy settings."
        : `The browser may not use your ${what}. ${allowWords[browser](what)}`;
    case "no-device":
      return `No ${what} was found. Connect one, then try again.`;
    case "device-busy":
      return `Your ${what} could not be opened. Close other programs that use it, then try again.`;
    case "insecure":
      return typeof isSecureContext !== "undefined" && isSecureContext
        ? `This app’s own browser gives no ${what}. Open the link in Safari, Chrome or Firefox.`
        : `Browsers allow the ${what} only on pages that begin with https:// (or on localhost).`;
    default:
      return `The ${what} does not work here. Try again, or join without it.`;
  }
}

/** How a refused device is allowed again, in the words of each browser. */
const allowWords: Record<Browser, (what: string) => string> = {
  chrome: (what) => `Click the symbol at the left of the address, switch ${what} on, then try again.`,
  edge: (what) => `Click the lock at the left of the address, set ${what} to Allow, then try again.`,
  firefox: (what) => `Click the crossed-out ${what} at the left of the address, remove the block, then try again.`,
  safari: (what) => `Choose Safari, Settings for This Website in the menu, set ${what} to Allow, then try again.`,
  ios: (what) => `Tap the symbol at the left of the address, then Website Settings, allow ${what}, and try again.`,
  android: (what) => `Tap the symbol at the left of the address, then Permissions, allow ${what}, and try again.`,
  other: (what) => `Allow ${what} for this page in the browser’s settings, then try again.`,
};

function said(e: SwitchyardError | undefined, otherwise: string): string {
  return e?.message || otherwise;
}
