// The sending end, as a page uses it: makes the link, lets receivers in who know it, and serves each of them.
import { Emitter } from "../emitter";
import type { SwitchyardError } from "../error";
import type { ParticipantID } from "../protocol";
import { TransferAPI, type MadeTransfer } from "./api";
import { Hasher } from "./blake3";
import { b64 } from "./bytes";
import { LinkWay } from "./linkway";
import { cryptoFault } from "./cpace";
import { Welcoming, version, type Secret, type Word } from "./handshake";
import type { Way } from "./lane";
import { codeSecret, codeText, keyText, linkSecret, newCode, newKey, type Code, type LinkKey } from "./link";
import { Meeting } from "./meeting";
import { asProblem, TransferError } from "./problem";
import { Recipient } from "./recipient";
import { seldom } from "./rate";
import type { Outgoing, OutgoingEvents, OutgoingState, Problem, Receiver, SendOptions } from "./shape";
import { Source } from "./source";

const maxGuesses = 10; // at the secrets, that are answered
const helloPause = 20; // ms
const confirmPatience = 20_000; // ms that a guest with a code may take
const directPatience = 8_000; // ms that a link may take to come up, before the relay is taken
const changeEvery = 200; // ms
const longestTimer = 2 ** 31 - 1; // ms

export class OutgoingTransfer extends Emitter<OutgoingEvents> implements Outgoing {
  #state: OutgoingState = "making";
  #api: TransferAPI;
  #key: LinkKey;
  #made: MadeTransfer | undefined;
  #source: Source | undefined;
  #meeting: Meeting | undefined;
  #code: Code | undefined;
  #recipients = new Map<ParticipantID, Recipient>();
  #tried = new Set<ParticipantID>(); // guests, who have one try
  #claims = new Map<ParticipantID, Code>(); // guests, and the code there was when they came
  #closed = false;
  #error: Problem | undefined;
  #expiry: ReturnType<typeof setTimeout> | undefined;
  #changed = seldom(changeEvery, () => this.#tell());

  constructor(readonly options: SendOptions) {
    super();
    this.#api = new TransferAPI(options.server);
    this.#key = newKey((options.passphrase ?? "") !== "");
  }

  get state(): OutgoingState {
    return this.#state;
  }
  get link(): string {
    return this.#made ? `${this.#made.url}#${keyText(this.#key)}` : "";
  }
  get code(): string {
    return this.#code ? codeText(this.#code) : "";
  }
  get expires(): number {
    return this.#made ? Date.parse(this.#made.expires) : 0;
  }
  get closed(): boolean {
    return this.#closed;
  }
  get receivers(): readonly Receiver[] {
    return [...this.#recipients.values()].filter((r) => r.known).map((r) => r.facts);
  }
  get error(): Problem | undefined {
    return this.#error;
  }

  async start(): Promise<void> {
    const { receivers = 1, expiresIn, token, name, what } = this.options;
    try {
      new Source("", what, new Hasher(false)); // what cannot be sent needs no link
      const fault = await cryptoFault();
      if (fault) throw new TransferError("insecure", fault);
      this.#made = await this.#api.make({ receivers, code: true, ...(expiresIn && { expiresIn }) }, token);
      this.#source = new Source(this.#made.id, what, new Hasher());
      if (this.#made.nameplate) this.#code = newCode(this.#made.nameplate);
      this.#watchExpiry();
      await this.#meet(name);
      this.#to("waiting");
    } catch (e) {
      const problem = asProblem(e);
      this.#end(problem);
      throw problem;
    }
  }

  async renewCode(): Promise<void> {
    if (!this.#made || this.#closed || this.#over) return;
    // Strangers can try small numbers: that ends the codes, not the link.
    if (this.#triesOf("c-") >= maxGuesses) throw new TransferError("limit", "Too many wrong codes were tried, so there are no more of them. Use the link.");
    const { nameplate } = await this.#api.code(this.#made.id, this.#made.token);
    this.#code = newCode(nameplate);
    this.#tell();
  }

  async revoke(): Promise<void> {
    if (!this.#made) return;
    this.#code = undefined;
    this.#closed = true;
    // Before the room is closed by it: those who receive are told by us.
    await this.#stop("The sender withdrew it.");
    await this.#api.revoke(this.#made.id, this.#made.token);
    this.#end(new TransferError("revoked", ""));
  }

  cancel(reason = "The sender’s page was closed."): void {
    void this.#stop(reason).then(() => this.#end(new TransferError("cancelled", "")));
  }

  get #over(): boolean {
    return this.#state === "complete" || this.#state === "ended";
  }

  /** Tells everybody that no more is coming. */
  async #stop(reason: string): Promise<void> {
    for (const r of this.#recipients.values()) {
      if (!r.known || r.done) continue;
      await this.#meeting?.whisper(r.id, { bye: reason }); // a way that breaks now takes its last words with it
      void r.run?.cancel(reason);
      r.drop();
    }
  }

  #watchExpiry(): void {
    const left = this.expires - Date.now();
    this.#expiry = setTimeout(
      () => {
        if (left > longestTimer) return this.#watchExpiry();
        this.#closed = true;
        this.#code = undefined;
        this.#check();
        this.#tell();
      },
      Math.min(Math.max(0, left), longestTimer),
    );
  }

  // ---- meeting receivers ----

  async #meet(name: string | undefined): Promise<void> {
    const { server } = this.#api;
    const meeting = (this.#meeting = new Meeting(server, "sender"));
    await meeting.enter(this.#made as MadeTransfer, name);
    meeting.on("word", (from, word) => void this.#word(meeting, from, word));
    meeting.on("secret", (from, secret) => this.#heard(from, secret));
    meeting.on("here", (p) => p.id.startsWith("c-") && this.#code && this.#claims.set(p.id, this.#code));
    meeting.on("gone", (id) => this.#gone(id));
    meeting.on("renewed", () => this.#begin(meeting));
    meeting.on("link", (link) => link.close()); // the sender opens them
    meeting.on("closed", (error) => meeting === this.#meeting && this.#lost(error));
    this.#begin(meeting);
  }

  /** We are new here: those who are waiting begin anew. */
  #begin(meeting: Meeting): void {
    for (const p of meeting.others) meeting.say(p.id, { t: "begin" });
  }

  async #word(meeting: Meeting, from: ParticipantID, word: Word): Promise<void> {
    if (this.#over) return;
    const r = this.#recipients.get(from);
    if (word.t === "hello") return this.#newest(meeting, from, word);
    if (!r?.pending) return;
    if (word.t === "refused") return this.#mistaken(r);
    if (word.t === "confirm") this.#confirm(meeting, r, word);
  }

  /** Several hellos of one come at once after we were away, and only the last one counts. */
  #newest(meeting: Meeting, from: ParticipantID, word: Word): void {
    const r = this.#recipient(meeting, from);
    if (!r.hello) setTimeout(() => {
      const newest = r.hello;
      r.hello = undefined;
      if (newest && !this.#over) void this.#hello(meeting, r, newest);
    }, helloPause);
    r.hello = word;
  }

  async #hello(meeting: Meeting, r: Recipient, word: Word): Promise<void> {
    const from = r.id;
    const refuse = (reason: string) => meeting.say(from, { t: "refused", reason, ...(word.nonce && { nonce: word.nonce }) });
    if (word.v !== version) return refuse("version");
    const secret = this.#secretOf(from, word.by);
    if (!secret) return refuse("wrong-secret");
    r.tries++; // until it is confirmed, it may be a guess
    const byCode = word.by === "code";
    if (!byCode && this.#triesOf("r-") > maxGuesses) return void this.#guessed();
    if (byCode) {
      this.#tried.add(from);
      this.#code = undefined;
    }
    const welcoming = await Welcoming.answer({ room: meeting.room, receiver: from, sender: meeting.you }, secret, word);
    if (!welcoming) return refuse("wrong-secret");
    r.pending = welcoming;
    meeting.say(from, welcoming.answer);
    if (byCode) setTimeout(() => r.pending === welcoming && this.#mistaken(r), confirmPatience);
  }

  #triesOf(kind: "r-" | "c-"): number {
    return [...this.#recipients.values()].reduce((n, { id, tries }) => (id.startsWith(kind) ? n + tries : n), 0);
  }

  /** What a participant must know: a receiver the link, a guest the code of this moment, which is tried once. */
  #secretOf(from: ParticipantID, by: string | undefined) {
    if (by === "link" && from.startsWith("r-")) return linkSecret(this.#key.key, this.options.passphrase ?? "");
    if (by === "code" && from.startsWith("c-") && this.#code && !this.#tried.has(from)) return codeSecret(this.#code);
    return undefined;
  }

  #recipient(meeting: Meeting, id: ParticipantID): Recipient {
    let r = this.#recipients.get(id);
    if (!r) {
      const name = meeting.others.find((p) => p.id === id)?.name ?? "";
      r = new Recipient(id, name, this.#source as Source, () => this.#changed(), () => this.#check());
      this.#recipients.set(id, r);
    }
    return r;
  }

  /** A handshake will not be confirmed. */
  #mistaken(r: Recipient): void {
    const byCode = r.pending?.by === "code";
    r.pending = undefined;
    if (byCode) this.renewCode().catch(() => {}); // there is the link
    else r.mistaken();
  }

  /** Somebody guesses: the link is of no use to them any more. */
  async #guessed(): Promise<void> {
    const text = "Ten wrong guesses were made at the passphrase, so the link was withdrawn. Send it again for a new one.";
    const made = this.#made;
    this.#end(new TransferError("wrong-secret", text));
    if (made) await this.#api.revoke(made.id, made.token).catch(() => {}); // nobody answers there any more anyhow
  }

  #confirm(meeting: Meeting, r: Recipient, word: Word): void {
    const welcoming = r.pending;
    if (!welcoming || (word.nonce && word.nonce !== welcoming.answer.nonce)) return; // of an earlier handshake
    if (!welcoming.confirmed(word)) {
      meeting.say(r.id, { t: "refused", reason: "wrong-secret" });
      return this.#mistaken(r);
    }
    r.pending = undefined;
    r.tries = 0;
    meeting.keys.set(r.id, welcoming.keys);
    r.pair = b64(welcoming.keys.pair);
    if (welcoming.by === "code") {
      void meeting.whisper(r.id, { link: { id: this.#made?.id ?? "", key: keyText(this.#key) } });
      const taken = this.receivers.length + 1; // they will take the link now
      if (taken < (this.#made?.receivers ?? 1)) this.renewCode().catch(() => {});
      return;
    }
    this.#to("sending");
    r.serve((asked) => this.#findWay(meeting, r.id, asked));
  }

  #heard(from: ParticipantID, secret: Secret): void {
    const r = this.#recipients.get(from);
    if (!r) return;
    if (secret.relay) r.askRelay();
    if (secret.bye !== undefined && !r.done) r.gaveUp(secret.bye);
  }

  #gone(id: ParticipantID): void {
    const r = this.#recipients.get(id);
    const claimed = this.#claims.get(id);
    this.#claims.delete(id);
    if (r?.pending?.by === "code") this.#mistaken(r);
    else if (claimed && claimed === this.#code && !this.#tried.has(id)) {
      this.#code = undefined; // it went without a word, and nobody else can claim the number now
      this.renewCode().catch(() => {});
    }
    r?.left();
    this.#check();
  }

  #lost(error: SwitchyardError | undefined): void {
    const code = error?.code === "room-closed" ? "revoked" : (error?.code ?? "failed");
    this.#end(new TransferError(code, error?.message ?? ""));
  }

  /** A link, or the relay where no link comes up in time or the receiver asks for it. */
  async #findWay(meeting: Meeting, id: ParticipantID, asked: Promise<void>): Promise<Way> {
    const name = `t-${Math.random().toString(36).slice(2, 10)}`;
    const link = meeting.openLink(id, name);
    const way = new LinkWay(link);
    void asked.then(() => link.state !== "connected" && link.close());
    try {
      await way.connect(directPatience);
      return way;
    } catch {
      await meeting.whisper(id, { relay: true });
      return meeting.relay(id);
    }
  }

  // ---- the end ----

  #check(): void {
    if (this.#over || !this.#made) return;
    const known = [...this.#recipients.values()].filter((r) => r.known);
    const done = known.filter((r) => r.done).length;
    if (done >= this.#made.receivers || (this.#closed && done > 0 && known.every((r) => r.settled))) return this.#end(undefined);
    this.#to(known.some((r) => !r.settled) ? "sending" : "waiting");
    this.#tell();
  }

  #end(problem: TransferError | undefined): void {
    if (this.#over) return;
    clearTimeout(this.#expiry);
    this.#closed = true;
    this.#code = undefined;
    this.#error = problem;
    for (const r of this.#recipients.values()) r.drop();
    const meeting = this.#meeting;
    this.#meeting = undefined;
    void meeting?.leave();
    this.#to(problem ? "ended" : "complete");
  }

  #to(state: OutgoingState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#tell();
  }

  #tell(): void {
    this.emit("change");
  }
}
