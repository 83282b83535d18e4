// Two devices agree, once, on a secret by which they know each other from then on: one shows a code, the other types it
// (docs/transfer.md, Pairs).
import { Emitter } from "../emitter";
import type { ParticipantID } from "../protocol";
import { TransferAPI, type MadeTransfer } from "./api";
import { b64, utf8, type Bytes } from "./bytes";
import { cryptoFault } from "./cpace";
import { Greeting, version, Welcoming, type Secret, type Word } from "./handshake";
import { hkdf } from "./keys";
import { codeSecret, codeText, newCode, parseCode, type Code } from "./link";
import { Meeting, senderID } from "./meeting";
import { asProblem, TransferError } from "./problem";

const waits = 600; // s that a code is shown
const guestPatience = 20_000; // ms that who claimed the code may take
const hostPatience = 20_000; // ms that the device with the code may take
const lastWords = 1_000; // ms
const maxGuesses = 10;

/** How a device presents itself to another. */
export interface Me {
  name: string;
  /** The ids of the pairs that it is one of, or was. */
  known: readonly string[];
}

/** The other device. */
export interface Pairing {
  name: string;
  /** Of the pair: b64 of 32 bytes. */
  secret: string;
  /** The id of the pair that the two were before: this one takes its place. */
  before?: string;
}

const wrongCode = "That was not the code, and it is void now. Type the new one that the other device shows.";

/** The device that shows the code. */
export class PairingHost extends Emitter<{ change: [] }> {
  /** Empty while there is none. */
  code = "";
  /** Where the other device finds the server; empty before there is a code. */
  address = "";
  paired: Pairing | undefined;
  error: TransferError | undefined;
  /** Somebody had a wrong code. */
  mistaken = false;
  #api: TransferAPI;
  #made: MadeTransfer | undefined;
  #meeting: Meeting | undefined;
  #guest: Guest | undefined;
  #tries = 0;
  #expiry: ReturnType<typeof setTimeout> | undefined;
  #over = false;

  constructor(
    readonly me: Me,
    readonly options: { server?: string; token?: string } = {},
  ) {
    super();
    this.#api = new TransferAPI(options.server);
  }

  async start(): Promise<void> {
    try {
      const fault = await cryptoFault();
      if (fault) throw new TransferError("insecure", fault);
      const made = (this.#made = await this.#api.make({ receivers: 1, expiresIn: waits, code: true }, this.options.token));
      if (this.#over) return void (await this.#api.revoke(made.id, made.token));
      const meeting = (this.#meeting = new Meeting(this.#api.server, "sender"));
      meeting.on("here", (p) => this.#came(p.id));
      meeting.on("gone", (id) => this.#gone(id));
      meeting.on("word", (from, word) => void this.#word(from, word));
      meeting.on("secret", (from, secret) => void this.#heard(from, secret));
      meeting.on("link", (link) => link.close());
      meeting.on("closed", (e) => this.#end(new TransferError(e?.code ?? "failed", e?.message ?? "")));
      await meeting.enter(made, undefined);
      this.#expiry = setTimeout(() => this.#end(new TransferError("expired", "Nobody typed the code. Make a new one.")), waits * 1000);
      this.#show(made.nameplate);
    } catch (e) {
      this.#end(asProblem(e));
    }
  }

  /** The person wants no other device any more. */
  close(): void {
    this.#end(undefined);
  }

  #show(nameplate: number | undefined): void {
    if (this.#over) return;
    if (!nameplate) return this.#end(new TransferError("limit", "There are no codes left on this server just now. Try again in some minutes."));
    const code = newCode(nameplate);
    this.address = this.#made?.url.replace(/\/t\/\w+$/, "") ?? "";
    this.#guest = { code };
    this.code = codeText(code);
    this.emit("change");
  }

  /** Whoever comes has claimed the code, so that it is void whatever comes of it. */
  #came(id: ParticipantID): void {
    const guest = this.#guest;
    if (!guest || guest.id || !id.startsWith("c-")) return;
    guest.id = id;
    guest.timer = setTimeout(() => this.#guest === guest && this.#failed(), guestPatience);
    this.code = "";
    this.emit("change");
  }

  /** What it said last may still be being opened. */
  #gone(id: ParticipantID): void {
    const guest = this.#guest;
    if (!guest || guest.id !== id) return;
    if (!guest.agreed) return this.#failed();
    setTimeout(() => this.#guest === guest && !guest.told && this.#failed(), lastWords);
  }

  async #word(from: ParticipantID, word: Word): Promise<void> {
    const guest = this.#guest;
    const meeting = this.#meeting;
    if (!guest || !meeting || guest.id !== from) return;
    if (word.t === "refused") return this.#failed();
    if (word.t === "confirm") return this.#confirmed(meeting, guest, from, word);
    if (word.t !== "hello" || guest.heard) return;
    guest.heard = true; // one guess
    if (word.v !== version || word.by !== "code") return meeting.say(from, { t: "refused", reason: word.v !== version ? "version" : "wrong-secret" });
    const parties = { room: meeting.room, receiver: from, sender: meeting.you };
    guest.welcoming = await Welcoming.answer(parties, codeSecret(guest.code), word);
    if (guest.welcoming) meeting.say(from, guest.welcoming.answer);
    else this.#failed();
  }

  #confirmed(meeting: Meeting, { welcoming, agreed }: Guest, from: ParticipantID, word: Word): void {
    if (!welcoming || agreed || (word.nonce && word.nonce !== welcoming.answer.nonce)) return;
    if (!welcoming.confirmed(word)) return this.#failed();
    if (this.#guest) this.#guest.agreed = welcoming.keys.pair;
    meeting.keys.set(from, welcoming.keys);
    void introduction(this.me, welcoming.keys.pair).then((pair) => meeting.whisper(from, { pair }));
  }

  async #heard(from: ParticipantID, { pair }: Secret): Promise<void> {
    const guest = this.#guest;
    if (!pair || guest?.id !== from || !guest.agreed || guest.told) return;
    guest.told = true; // it may go now
    clearTimeout(guest.timer);
    const paired = await acquaintance(this.me, guest.agreed, pair);
    if (this.#over) return;
    this.paired = paired;
    this.#end(undefined);
  }

  /** Who came had another code, or went: there is a new one for the next. */
  #failed(): void {
    clearTimeout(this.#guest?.timer);
    this.mistaken = this.#guest?.heard === true;
    this.#guest = undefined;
    this.code = "";
    this.emit("change");
    if (this.#over || !this.#made) return;
    if (++this.#tries >= maxGuesses) return this.#end(new TransferError("limit", "Too many wrong codes were typed. Begin again."));
    this.#api.code(this.#made.id, this.#made.token).then(({ nameplate }) => this.#show(nameplate), (e: unknown) => this.#end(asProblem(e)));
  }

  #end(problem: TransferError | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.error = problem;
    this.code = "";
    clearTimeout(this.#expiry);
    clearTimeout(this.#guest?.timer);
    this.#guest = undefined;
    const made = this.#made;
    void Promise.resolve(this.#meeting?.leave()).then(() => made && this.#api.revoke(made.id, made.token).catch(() => {})); // it expires by itself, too
    this.emit("change");
  }
}

/** Who claimed the code that is shown; without `id` nobody has. */
interface Guest {
  code: Code;
  id?: ParticipantID;
  timer?: ReturnType<typeof setTimeout>;
  heard?: boolean;
  welcoming?: Welcoming | undefined;
  agreed?: Bytes;
  told?: boolean;
}

/** The device on which the code is typed. */
export async function pairWith(text: string, me: Me, server?: string): Promise<Pairing> {
  const code = parseCode(text);
  if ("wrong" in code) throw new TransferError("bad-code", "That is no code: it is a number and two words, such as 7-walnut-umbrella.");
  const fault = await cryptoFault();
  if (fault) throw new TransferError("insecure", fault);
  const api = new TransferAPI(server);
  const meeting = new Meeting(api.server, "receiver");
  let late: ReturnType<typeof setTimeout> | undefined;
  try {
    await meeting.enter(await api.claim(code.nameplate), undefined);
    const lost = new Promise<never>((_, reject) => {
      late = setTimeout(() => reject(new TransferError("failed", "The other device did not answer. Look whether it still shows a code, and type the new one.")), hostPatience);
      meeting.on("closed", (e) => reject(new TransferError("failed", e?.message || "The other device has gone. Begin again on it.")));
      meeting.on("gone", (id) => id === senderID && reject(new TransferError("failed", "The other device has gone. Begin again on it.")));
    });
    return await Promise.race([shake(meeting, codeSecret(code), me), lost]);
  } finally {
    clearTimeout(late);
    await meeting.leave();
  }
}

/** The handshake of who typed the code; done when both know the secret. */
async function shake(meeting: Meeting, secret: Bytes, me: Me): Promise<Pairing> {
  const greeting = await Greeting.begin({ room: meeting.room, receiver: meeting.you, sender: senderID }, "code", secret);
  const answered = new Promise<Word>((resolve) => meeting.on("word", (from, word) => from === senderID && word.nonce === greeting.hello.nonce && resolve(word)));
  const told = new Promise<Secret>((resolve) => meeting.on("secret", (from, said) => from === senderID && (said.pair || said.link) && resolve(said)));
  meeting.say(senderID, greeting.hello);
  const { keys, say } = await greeting.answered(await answered);
  if (keys) meeting.keys.set(senderID, keys);
  meeting.say(senderID, say);
  if (!keys) throw new TransferError("wrong-secret", wrongCode);
  const { pair } = await told;
  if (!pair) throw new TransferError("bad-code", "That code is for files. Type it where codes for files are asked for.");
  await meeting.whisper(senderID, { pair: await introduction(me, keys.pair) });
  return acquaintance(me, keys.pair, pair);
}

const mostWas = 48; // earlier pairs

/** What a device says of itself, once both have the secret. */
async function introduction({ name, known }: Me, secret: Bytes): Promise<{ name: string; was: string[] }> {
  return { name, was: await Promise.all(known.slice(0, mostWas).map((id) => pairWas(secret, id))) };
}

/** What is to be kept of the other device, as far as it can be shown. */
async function acquaintance({ known }: Me, secret: Bytes, { name, was }: { name: string; was: readonly string[] }): Promise<Pairing> {
  const shown = name.replace(/[\p{C}\p{Z}]+/gu, " ").trim().slice(0, 64) || "A device";
  for (const before of known.slice(0, mostWas)) if (was.includes(await pairWas(secret, before))) return { name: shown, secret: b64(secret), before };
  return { name: shown, secret: b64(secret) };
}

/** Proves, under the secret of a new pair, that one was the other end of an earlier one; it tells nobody an id who does not know it. */
export async function pairWas(secret: Bytes, id: string): Promise<string> {
  return b64(await hkdf(secret, utf8(`switchyard pair was v1 ${id}`)));
}
