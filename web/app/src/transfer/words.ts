// What a transfer has come to, in sentences that say what to do next.
import type { Problem, Receiver, WayKind } from "../../../sdk/src/transfer/shape";
import type { Words } from "../words";

/** How the data goes, for people. */
export function wayWords(way: WayKind | undefined): string {
  switch (way) {
    case "direct":
      return "straight from device to device";
    case "turn":
    case "relay":
      return "through the server, which cannot read it";
    case undefined:
      return "";
  }
}

export function receiverWords(r: Receiver): string {
  switch (r.state) {
    case "connecting":
      return "Connecting…";
    case "deciding":
      return "Connected. They are asked whether they want it.";
    case "receiving":
      return r.way ? `Receiving, ${wayWords(r.way)}` : "Receiving";
    case "away":
      return "Their connection is gone. It goes on when they come back.";
    case "complete":
      return "Complete: every byte was checked.";
    case "gave-up":
      return "They stopped it.";
    case "wrong-secret":
      return "They entered a wrong code or passphrase.";
    case "failed":
      return r.problem || "It did not work. They can open the link again.";
  }
}

/** Why a link cannot be received from, or a transfer has ended, to the receiver. */
export function problemWords({ code, message }: Problem): Words {
  return known[code] ?? { title: "The transfer did not work", text: message || "Try again. If it does not help, ask the sender for a new link.", again: true, sign: "lost", check: true };
}

const askAgain = "Ask whoever sent it for a new link.";

const known: Record<string, Words> = {
  expired: { title: "This link has expired", text: `It waited for a while, and nobody received from it. ${askAgain}`, again: false, sign: "clock" },
  revoked: { title: "This link was withdrawn", text: `The sender took it back. ${askAgain}`, again: false, sign: "lock" },
  "used-up": {
    title: "This link has been used",
    text: "As many people have received from it as it was made for. If one of them was you, go on in the browser in which you began; else ask the sender for a new link.",
    again: false,
    sign: "full",
  },
  "not-found": { title: "There is nothing behind this link", text: `It may have been copied in part, or it ended long ago. Open the whole link, or ask for a new one.`, again: false, sign: "lost" },
  incomplete: { title: "A part of this link is missing", text: "The part behind # is the key, and only the sender has it. Copy the whole link and open it again.", again: false, sign: "lock" },
  unauthorized: { title: "You cannot come back to this transfer", text: `It was withdrawn, or it is too long ago. ${askAgain}`, again: false, sign: "clock" },
  forbidden: { title: "You cannot come back to this transfer", text: `It was withdrawn, or it is too long ago. ${askAgain}`, again: false, sign: "lock" },
  "wrong-secret": { title: "That was not the right passphrase", text: "Check it with the sender, then try again.", again: true, sign: "lock" },
  "bad-code": { title: "That is no code", text: "Check it with the sender: it is a number and two words. Then type it again.", again: false, sign: "lock" },
  cancelled: { title: "The sender stopped the transfer", text: "What has come so far is kept in this browser for a week: if they send by the same link again, it goes on. Else ask them for a new one.", again: false, sign: "end" },
  "bad-offer": { title: "These files cannot be received", text: "A name among them would be dangerous on this device. Ask the sender to rename it.", again: false, sign: "out" },
  "bad-file": { title: "What came is not what was promised", text: "A check of the data failed, so nothing of it was kept. Ask the sender to try again.", again: true, sign: "out" },
  changed: { title: "The sender’s file has changed", text: "It was changed while it was being sent. Ask the sender to send it again.", again: false, sign: "out" },
  "disk-full": { title: "There is not enough space", text: "Free some space on this device, then go on: what has come is kept.", again: true, sign: "full" },
  disk: { title: "The files cannot be saved here", text: "The browser could not write to this device’s storage. Choose another folder, or try another browser.", again: true, sign: "browser" },
  limit: { title: "Too many tries", text: "Wait a minute, then try again.", again: true, sign: "clock" },
  unreachable: { title: "The server does not answer", text: "Check your internet connection, then try again.", again: true, sign: "lost", check: true },
  timeout: { title: "The server does not answer", text: "Check your internet connection, then try again.", again: true, sign: "lost", check: true },
  "shutting-down": { title: "The server is restarting", text: "Wait a minute, then try again: what has come is kept.", again: true, sign: "plug" },
};

/** A problem with a sentence of its own says more than ours. */
export function problemOf(e: unknown): Problem {
  if (e && typeof e === "object") {
    const { reason, code, message } = e as { reason?: unknown; code?: unknown; message?: unknown };
    const name = typeof reason === "string" && reason in known ? reason : code;
    if (typeof name === "string") return { code: name, message: typeof message === "string" ? message : "" };
  }
  return { code: "failed", message: e instanceof Error ? e.message : "" };
}

/** With the server's or our own sentence where it names what is wrong (a file's name, say). */
export function detailedWords(p: Problem): Words {
  const words = problemWords(p);
  const names = ["bad-offer", "bad-code", "failed", "changed", "disk-full", "disk"].includes(p.code);
  return names && p.message ? { ...words, text: p.message } : words;
}
