// Which offers are refused for their names (docs/transfer.md, Names): what is kept must stay below the receiver's folder, on any
// system, and be the same file on each.
import type { Entry } from "./disk";
import type { OfferMessage } from "./messages";
import { utf8 } from "./bytes";

const maxEntries = 1_000_000;
const maxLevels = 64;
const maxPath = 4096; // bytes
const maxName = 255;
export const maxPieces = 2 ** 22;
const latest = 8.64e15; // ms since 1970 that a Date can hold

const control = /[\p{Cc}\u2028\u2029]/u;
const turning = /[\u202a-\u202e\u2066-\u2069]/u;
const surrogate = /\p{Cs}/u; // half a letter, which UTF-8 has not
const separators = /[\\:]/;
const devices = /^(con|prn|aux|nul|conin\$|conout\$|clock\$|(com|lpt)[0-9¹²³])$/i;

/** Why a path is refused; undefined where it is not. */
export function pathFault(path: string): string | undefined {
  if (path === "") return "has no name";
  if (utf8(path).length > maxPath) return "is longer than 4096 bytes";
  if (surrogate.test(path)) return "is not UTF-8";
  if (path.startsWith("/")) return "is an absolute path";
  const parts = path.split("/");
  if (parts.length > maxLevels) return "is deeper than 64 folders";
  for (const part of parts) {
    const fault = nameFault(part);
    if (fault) return fault;
  }
  return undefined;
}

function nameFault(name: string): string | undefined {
  if (name === "") return "has a part without a name";
  if (name === "." || name === "..") return "leads out of its folder";
  if (utf8(name).length > maxName) return "has a part of more than 255 bytes";
  if (/[. ]$/.test(name)) return "ends in a dot or a space, which Windows drops";
  if (separators.test(name)) return "has a character that separates folders elsewhere";
  if (control.test(name)) return "has a control character";
  if (turning.test(name)) return "has a character that turns the direction of writing";
  const stem = (name.split(".")[0] ?? "").replace(/ +$/, "");
  return devices.test(stem) ? "is the name of a device on Windows" : undefined;
}

/** What two paths have in common that are one where case or normalisation does not count. */
export function fold(path: string): string {
  return path.normalize("NFC").toUpperCase().toLowerCase().normalize("NFC");
}

/** Manifest is the list of an offer, checked as it comes. Its sentences are for a person. */
export class Manifest {
  readonly entries: Entry[] = [];
  #names = new Map<string, number>();
  #files = 0;
  #bytes = 0;

  constructor(readonly offer: OfferMessage) {
    const { piece, entries, kind } = offer;
    if (![...Array(9).keys()].some((i) => piece === 2 ** (16 + i))) throw new OfferError("its pieces have a size that cannot be");
    if (entries > maxEntries) throw new OfferError(`it has ${entries} entries, more than a million`);
    if (kind !== "files" && kind !== "text") throw new OfferError("it is of a kind that this page does not know");
    if (kind === "text" && entries !== 1) throw new OfferError("it is a text of several parts");
    if (offer.id.length > 128 || offer.name.length > maxPath) throw new OfferError("its name is too long");
  }

  add(e: Entry): void {
    if (this.entries.length >= this.offer.entries) throw new OfferError("it lists more than it says");
    const fault = pathFault(e.p) ?? this.#kindFault(e) ?? this.#placeFault(e);
    if (fault) throw new OfferError(`“${clip(e.p)}” ${fault}`);
    this.#names.set(fold(e.p), this.entries.length);
    this.entries.push(e);
    if (e.k) return;
    this.#files++;
    this.#bytes += e.s ?? 0;
  }

  /** All of it came. */
  finish(): void {
    const { entries, files, bytes } = this.offer;
    if (this.entries.length !== entries || this.#files !== files || this.#bytes !== bytes) throw new OfferError("it does not list what it says");
  }

  #kindFault(e: Entry): string | undefined {
    const size = e.s ?? 0;
    const kind: string | undefined = e.k || undefined;
    if (kind === "l") return "is a symbolic link, which a browser cannot keep";
    if (kind !== undefined && kind !== "d") return "is neither a file nor a folder";
    if (this.offer.kind === "text" && kind) return "is no text";
    if (kind && size !== 0) return "has a size that cannot be";
    if (size > this.offer.piece * maxPieces) return `has more than ${maxPieces} pieces`;
    if (Math.abs(e.t ?? 0) > latest) return "has a time that cannot be";
    return undefined;
  }

  #placeFault(e: Entry): string | undefined {
    const same = this.#names.get(fold(e.p));
    if (same !== undefined) return `and “${clip(this.entries[same]?.p ?? "")}” are one name on some systems`;
    const slash = e.p.lastIndexOf("/");
    if (slash < 0) return undefined;
    const parent = this.entries[this.#names.get(fold(e.p.slice(0, slash))) ?? -1];
    if (parent?.p !== e.p.slice(0, slash)) return "stands in a folder that was not offered before it";
    return parent.k === "d" ? undefined : "stands in what is no folder";
  }
}

/** An offer that is refused as a whole. */
export class OfferError extends Error {
  constructor(fault: string) {
    super(`This was refused for your safety: ${fault}.`);
  }
}

function clip(text: string): string {
  const letters = [...text];
  return letters.length <= 100 ? text : `${letters.slice(0, 60).join("")}…${letters.slice(-30).join("")}`;
}
