// The link to a transfer, and what can be typed in its place (docs/transfer.md, The link and The code).
import { b64, fromB64, lv, random, utf8, type Bytes } from "./bytes";
import { firstWords, secondWords } from "./words";

/** What follows # in a link. */
export interface LinkKey {
  readonly key: Bytes;
  /** A passphrase is asked for. */
  readonly passphrase: boolean;
}

export function newKey(passphrase: boolean): LinkKey {
  return { key: random(16), passphrase };
}

export function keyText({ key, passphrase }: LinkKey): string {
  return b64(key) + (passphrase ? ".p" : "");
}

/** Undefined where it is none: a part of the link was lost. */
export function parseKey(text: string): LinkKey | undefined {
  const passphrase = text.endsWith(".p");
  const key = fromB64(passphrase ? text.slice(0, -2) : text, 16);
  return key && { key, passphrase };
}

/** PRS of who has the link. */
export function linkSecret(key: Bytes, passphrase: string): Bytes {
  return lv(utf8("link"), key, utf8(passphrase.normalize("NFC")));
}

/** PRS of who has a code, as codeText writes it. */
export function codeSecret(code: Code): Bytes {
  return lv(utf8("code"), utf8(codeText(code)));
}

/** What people tell each other: 7-walnut-umbrella. */
export interface Code {
  readonly nameplate: number;
  readonly first: string;
  readonly second: string;
}

export function codeText({ nameplate, first, second }: Code): string {
  return `${nameplate}-${first}-${second}`;
}

export function newCode(nameplate: number): Code {
  const [a = 0, b = 0] = random(2);
  return { nameplate, first: firstWords[a] ?? "", second: secondWords[b] ?? "" };
}

/** Reads what a person typed, or says what is wrong with it. A code can be tried once only: a word that is in no list is wrong
 * for sure, and one wrong letter is forgiven. */
export function parseCode(text: string): Code | { wrong: string; like?: string } {
  const parts = text.toLowerCase().match(/\d+|\p{L}+/gu) ?? [];
  const digits = parts[0] ?? "";
  const nameplate = /^\d{1,9}$/.test(digits) ? Number(digits) : 0;
  const words = parts.slice(1);
  if (text.length > 64 || nameplate === 0 || words.some((w) => /\d/.test(w))) return { wrong: "" };
  if (words.length === 1) words.splice(0, 1, ...split(words[0] ?? ""));
  const [first = "", second = ""] = words;
  if (words.length !== 2) return { wrong: "" };
  const [a, b] = [match(first, firstWords), match(second, secondWords)];
  if (typeof a !== "string") return a;
  if (typeof b !== "string") return b;
  return { nameplate, first: a, second: b };
}

/** Two words that were written as one. */
function split(both: string): string[] {
  for (let i = 1; i < both.length; i++) {
    if (firstWords.includes(both.slice(0, i)) && secondWords.includes(both.slice(i))) return [both.slice(0, i), both.slice(i)];
  }
  return [both];
}

function match(word: string, list: readonly string[]): string | { wrong: string; like?: string } {
  if (list.includes(word)) return word;
  const near = list.filter((w) => isSlip(word, w));
  const [only] = near;
  return only !== undefined && near.length === 1 ? only : { wrong: word, ...(only !== undefined && { like: only }) };
}

/** Whether two words differ by one letter, or by two neighbours that are swapped. */
function isSlip(a: string, b: string): boolean {
  if (a.length > b.length) [a, b] = [b, a];
  let i = 0;
  while (i < a.length && a[i] === b[i]) i++;
  if (a.length === b.length - 1) return a.slice(i) === b.slice(i + 1);
  if (a.length !== b.length || i === a.length) return false;
  if (a.slice(i + 1) === b.slice(i + 1)) return true;
  return a[i] === b[i + 1] && a[i + 1] === b[i] && a.slice(i + 2) === b.slice(i + 2);
}
