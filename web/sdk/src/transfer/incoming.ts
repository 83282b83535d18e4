// The receiving end, as a page uses it: takes the link, meets the sender, finds ways and receives over them.
import { Emitter } from "../emitter";
import type { SwitchyardError } from "../error";
import type { ParticipantLink } from "../participantlink";
import { TransferAPI, type Entrance } from "./api";
import { Hasher } from "./blake3";
import { b64, random, type Bytes } from "./bytes";
import { LinkWay } from "./linkway";
import { cryptoFault } from "./cpace";
import type { Disk } from "./disk";
import { Greeting, type Secret, type Word } from "./handshake";
import type { Way } from "./lane";
import { codeSecret, linkSecret, parseCode, parseKey } from "./link";
import { Meeting, senderID } from "./meeting";
import { asProblem, TransferError } from "./problem";
import { Rate, seldom } from "./rate";
import type { Incoming, IncomingEvents, IncomingState, Offer, Problem, ReceiveOptions, Seat, WayKind } from "./shape";
import { Sink } from "./sink";

const answerPatience = 10_000; // ms that a handshake may take, before it is begun anew
const wayPatience = 15_000; // ms that the sender's link is waited for, before we ask for the relay
const relayPatience = 30_000;
const lastWords = 1_000; // ms
const farewellPatience = 30_000; // ms
const lookEvery = 1_000; // ms
const changeEvery = 200; // ms

interface Choice {
  disk?: Disk;
  skip: readonly number[];
}

export class IncomingTransfer extends Emitter<IncomingEvents> implements Incoming {
  #state: IncomingState = "new";
  #seat: Seat | undefined;
  #sink: Sink | undefined;
  #offer: Offer | undefined;
  #choose: ((choice: Choice) => void) | undefined;
  #error: Problem | undefined;
  #meeting: Meeting | undefined;
  #secret: Bytes | undefined;
  #greeting: Greeting | undefined; // not answered yet
  #agreed = false;
  #since = 0; // when we began to wait for what we wait for
  #asked = false; // for the relay
  #present = false; // the sender is
  #running: Way | undefined;
  #next: Way | undefined;
  #way: WayKind | undefined;
  #sender: { name: string; pair: string } | undefined;
  #rate = new Rate();
  #timer: ReturnType<typeof setInterval> | undefined;
  #changed = seldom(changeEvery, () => this.emit("change"));
  #api: TransferAPI;
  readonly #once = b64(random(16)); // of our place, should the answer get lost

  constructor(readonly options: ReceiveOptions) {
    super();
    this.#api = new TransferAPI(options.server);
    this.#seat = options.seat;
  }

  get state(): IncomingState {
    return this.#state;
  }
  get offer(): Offer | undefined {
    return this.#offer;
  }
  get text(): string | undefined {
    return this.#sink?.text;
  }
  get verified(): number {
    return this.#sink?.verified ?? 0;
  }
  get total(): number {
    return this.#sink?.total || (this.#offer?.bytes ?? 0);
  }
  get rate(): number {
    return this.#state === "receiving" ? this.#rate.value() : 0;
  }
  get way(): WayKind | undefined {
    return this.#way;
  }
  get error(): Problem | undefined {
    return this.#error;
  }
  get sender(): { name: string; pair: string } | undefined {
    return this.#sender;
  }

  async start(passphrase = ""): Promise<void> {
    if (this.#state !== "new" && this.#error?.code !== "wrong-secret") return;
    this.#error = undefined;
    this.#to("joining");
    try {
      await this.#enter(passphrase);
    } catch (e) {
      await this.#end(asProblem(e));
    }
  }

  async accept(disk?: Disk, skip: readonly number[] = []): Promise<void> {
    this.#choose?.({ ...(disk && { disk }), skip });
  }

  cancel(reason = "cancelled"): void {
    void this.#cancel(reason);
  }

  leave(): void {
    if (this.#state === "ended" || this.#state === "complete") return;
    void this.#end(undefined);
  }

  async #cancel(reason: string): Promise<void> {
    if (this.#state === "ended" || this.#state === "complete") return;
    await this.#meeting?.whisper(senderID, { bye: reason }); // a way that breaks now takes its last words with it
    if (this.#running) void this.#sink?.cancel(reason);
    await this.#end(new TransferError("cancelled", ""));
  }

  // ---- taking the link ----

  async #enter(passphrase: string): Promise<void> {
    const { from } = this.options;
    const fault = await cryptoFault(); // before a place is taken for nothing
    if (fault) throw new TransferError("insecure", fault);
    const link = "code" in from ? (this.#seat ?? (await this.#redeem(from.code))) : from;
    const key = parseKey(link.key);
    if (!key) throw new TransferError("wrong-secret", "A part of the link is missing: its end, after #. Ask for the whole link.");
    this.#seat ??= await this.#take(link);
    this.emit("seat", this.#seat);
    this.#secret = linkSecret(key.key, key.passphrase ? passphrase : "");
    this.#sink ??= new Sink(link.id, { offered: (offer) => this.#offered(offer), changed: () => this.#progress() }, new Hasher());
    await this.#meet("link", this.#seat);
  }

  async #take({ id, key }: { id: string; key: string }): Promise<Seat> {
    const { token, room, identity } = await this.#api.accept(id, this.options.name, this.#once);
    return { id, key, token, room, identity };
  }

  /** Turns a code into its link: it can be tried once. */
  async #redeem(text: string): Promise<{ id: string; key: string }> {
    const code = parseCode(text);
    if ("wrong" in code) {
      const like = code.like ? `, but “${code.like}” is` : "";
      const fault = code.wrong ? `“${code.wrong}” is no word of a code${like}.` : "A code is a number and two words, such as 7-walnut-umbrella.";
      throw new TransferError("bad-code", `${fault} Look at it again.`);
    }
    const entrance = await this.#api.claim(code.nameplate, this.options.name);
    this.#secret = codeSecret(code);
    const found = new Promise<{ id: string; key: string }>((resolve, reject) => ((this.#found = resolve), (this.#lost = reject)));
    found.catch(() => {});
    await this.#meet("code", entrance);
    const link = await found;
    this.#found = this.#lost = undefined;
    await this.#depart();
    return link;
  }

  #found: ((link: { id: string; key: string }) => void) | undefined;
  #lost: ((e: Error) => void) | undefined;

  // ---- meeting the sender ----

  async #meet(by: "link" | "code", entrance: Pick<Entrance, "room" | "token">): Promise<void> {
    const meeting = (this.#meeting = new Meeting(this.#api.server, "receiver"));
    const greet = () => void this.#greet(meeting, by);
    await meeting.enter(entrance, this.options.name);
    meeting.on("here", (p) => {
      if (p.id !== senderID) return;
      this.#present = true;
      greet();
    });
    meeting.on("gone", (id) => id === senderID && this.#senderGone());
    meeting.on("renewed", () => {
      this.#present = meeting.others.some((p) => p.id === senderID);
      if (this.#present) greet();
      else this.#senderGone();
    });
    meeting.on("word", (from, word) => from === senderID && void this.#word(meeting, word, greet));
    meeting.on("secret", (from, secret) => from === senderID && this.#heard(meeting, secret));
    meeting.on("link", (link) => this.#linked(meeting, link));
    meeting.on("closed", (error) => meeting === this.#meeting && void this.#closed(error));
    this.#timer = setInterval(() => this.#look(meeting, greet), lookEvery);
    this.#present = meeting.others.some((p) => p.id === senderID);
    if (this.#present) greet();
    else if (!this.#running) this.#to("waiting");
  }

  /** Begins a handshake, in the place of one that is under way. */
  async #greet(meeting: Meeting, by: "link" | "code"): Promise<void> {
    if (!this.#secret || meeting !== this.#meeting) return;
    this.#agreed = false;
    this.#since = Date.now();
    const greeting = await Greeting.begin({ room: meeting.room, receiver: meeting.you, sender: senderID }, by, this.#secret);
    this.#greeting = greeting;
    meeting.say(senderID, greeting.hello);
    if (!this.#running) this.#to("connecting");
  }

  async #word(meeting: Meeting, word: Word, greet: () => void): Promise<void> {
    const greeting = this.#greeting;
    if (word.t === "begin") {
      this.#present = true;
      return greet();
    }
    if (!greeting || (word.nonce && word.nonce !== greeting.hello.nonce)) return; // of an earlier handshake
    if (word.t === "refused") return this.#refused(word.reason);
    if (word.t !== "hello") return;
    const { keys, say } = await greeting.answered(word);
    if (greeting !== this.#greeting) return;
    this.#greeting = undefined;
    if (keys) meeting.keys.set(senderID, keys);
    meeting.say(senderID, say);
    if (!keys) return this.#refused();
    this.#sender = { name: meeting.others.find((p) => p.id === senderID)?.name ?? "", pair: b64(keys.pair) };
    this.#agreed = true;
    this.#asked = false;
    this.#since = Date.now();
  }

  async #refused(reason?: string): Promise<void> {
    if (reason === "version") return this.#end(new TransferError("failed", "The other end uses another version. Use the newest at both ends."));
    await this.#end(new TransferError("wrong-secret", "The passphrase or code is not the sender’s."));
  }

  #heard(meeting: Meeting, secret: Secret): void {
    if (secret.link) this.#found?.(secret.link);
    if (secret.pair) this.#lost?.(new TransferError("bad-code", "That code pairs two devices. Type it under “Pair a device” on the page for sending."));
    // The way has the same word, or takes it with it.
    if (secret.bye !== undefined) setTimeout(() => void this.#end(new TransferError("cancelled", secret.bye ?? "")), this.#running ? lastWords : 0);
    if (!secret.relay || !this.#sink) return;
    this.#asked = true;
    // Where nobody comes, the sender tries another way.
    meeting.relay(senderID).then((way) => this.#arrived(way), () => {});
  }

  #linked(meeting: Meeting, link: ParticipantLink): void {
    if (link.peer !== senderID || !this.#sink || meeting !== this.#meeting) return link.close();
    const way = new LinkWay(link);
    link.on("state", (state) => {
      if (state !== "connected") return;
      void way.look().catch(() => {}).then(() => {
        // One that is for a direct way only is no better than what there is where it is relayed, too: the sender closes it.
        if (way.direct || !link.name.startsWith("d-")) this.#arrived(way);
      });
    });
  }

  #senderGone(): void {
    this.#present = this.#agreed = false;
    this.#greeting = undefined;
    if (!this.#running && this.#state !== "offered") this.#to("waiting");
  }

  async #closed(error: SwitchyardError | undefined): Promise<void> {
    const code = error?.code === "room-closed" ? "revoked" : (error?.code ?? "failed");
    await this.#end(new TransferError(code, error?.message ?? "The room was left."));
  }

  /** Sees whether something takes too long. */
  #look(meeting: Meeting, greet: () => void): void {
    if (this.#running || !meeting.isConnected(senderID)) return;
    const waited = Date.now() - this.#since;
    if (!this.#agreed ? waited > answerPatience : waited > 2 * wayPatience + relayPatience) return greet();
    if (!this.#agreed || !this.#sink || this.#asked || waited < wayPatience) return;
    this.#asked = true;
    void meeting.whisper(senderID, { relay: true });
  }

  // ---- receiving ----

  /** A new way comes in the place of what there is. */
  #arrived(way: Way): void {
    if (way === this.#running || way === this.#next) return;
    if (!this.#meeting) return way.close(); // it is over
    this.#next?.close();
    this.#next = way;
    if (this.#running) this.#running.close();
    else void this.#receive();
  }

  async #receive(): Promise<void> {
    const sink = this.#sink;
    while (this.#next && sink) {
      const way = (this.#running = this.#next);
      this.#next = undefined;
      this.#way = way.kind === "relay" ? "relay" : way.direct ? "direct" : "turn";
      if (this.#offer) this.#to(this.#choose ? "offered" : "receiving");
      try {
        const done = await sink.run(way);
        way.close();
        if (done) return void (await this.#depart());
      } catch (e) {
        way.close();
        return void (await this.#end(asProblem(e)));
      } finally {
        this.#running = undefined;
      }
      this.#since = Date.now();
      this.#rate.reset();
    }
    // The sender may not know that all is here: it has a while to come again.
    if (this.#state === "complete") setTimeout(() => void this.#depart(), farewellPatience);
    if (this.#state === "receiving") this.#to(this.#present ? "connecting" : "waiting");
  }

  #offered(offer: Offer): Promise<Choice> {
    this.#offer = offer;
    const chosen = new Promise<Choice>((resolve) => {
      this.#choose = (choice) => {
        this.#choose = undefined;
        this.#to(this.#running ? "receiving" : this.#present ? "connecting" : "waiting"); // the sender may have gone meanwhile
        resolve(choice);
      };
    });
    this.#to("offered"); // who listens may answer at once
    return chosen;
  }

  #progress(): void {
    this.#rate.add(this.verified);
    if (this.#sink?.complete) this.#to("complete");
    else this.#changed();
  }

  // ---- the end ----

  async #end(problem: TransferError | undefined): Promise<void> {
    this.#lost?.(problem ?? new TransferError("cancelled", ""));
    this.#lost = this.#found = undefined;
    if (this.#state === "complete") return this.#depart();
    const again = this.#state === "ended";
    if (!again) {
      this.#error = problem;
      this.#to("ended");
    }
    await this.#depart();
    if (!again) await this.#sink?.close().catch(() => {}); // the disk's own trouble is of no use any more
  }

  async #depart(): Promise<void> {
    clearInterval(this.#timer);
    const meeting = this.#meeting;
    this.#meeting = undefined;
    this.#present = this.#agreed = false;
    this.#next?.close();
    this.#next = undefined;
    this.#running?.close();
    if (meeting) await meeting.leave();
  }

  #to(state: IncomingState): void {
    if (state === this.#state || this.#state === "complete") return; // a farewell that comes later changes nothing
    this.#state = state;
    this.emit("change");
  }
}
