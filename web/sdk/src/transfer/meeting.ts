// One end's place in the room of a transfer: a session with the server without a link to it, and a key for each other end.
import { connect } from "../connect";
import { Emitter } from "../emitter";
import { SwitchyardError } from "../error";
import type { ParticipantLink } from "../participantlink";
import type { Participant, ParticipantID } from "../protocol";
import type { Room } from "../room";
import { parseSecret, parseWord, topic, type Secret, type Word } from "./handshake";
import type { Keys, Side } from "./keys";
import { dialRelay, type RelayWay } from "./relayway";

/** Who sends, in every transfer. */
export const senderID: ParticipantID = "sender";

const settleTime = 1_000; // ms that the last words may take

type Events = {
  /** Somebody is here. */
  here: [Participant];
  gone: [ParticipantID];
  /** Our session was lost and a new one began. */
  renewed: [];
  word: [ParticipantID, Word];
  secret: [ParticipantID, Secret];
  link: [ParticipantLink];
  closed: [SwitchyardError | undefined];
};

export class Meeting extends Emitter<Events> {
  readonly keys = new Map<ParticipantID, Keys>();
  #room: Room | undefined;
  #token = "";
  #saying = new Set<Promise<unknown>>();
  #hearing: Promise<void> = Promise.resolve();
  #left = false;

  constructor(
    readonly server: string,
    readonly side: Side,
  ) {
    super();
  }

  get room(): string {
    return this.#room?.name ?? "";
  }

  get you(): ParticipantID {
    return this.#room?.you ?? "";
  }

  get others(): Participant[] {
    return this.#room?.participants.filter((p) => p.id !== this.you) ?? [];
  }

  /** Whether the server reaches them at the moment. */
  isConnected(id: ParticipantID): boolean {
    return this.#room?.participant(id)?.connected ?? false;
  }

  async enter(entrance: { room: string; token: string }, name: string | undefined): Promise<void> {
    this.#token = entrance.token;
    const sealer = {
      seal: async (to: ParticipantID, link: string, plaintext: string) => this.keys.get(to)?.seal(plaintext, `signal ${link}`),
      open: async (from: ParticipantID, link: string, sealed: string) => this.keys.get(from)?.open(sealed, `signal ${link}`),
    };
    const url = new URL(`/v1/rooms/${encodeURIComponent(entrance.room)}`, this.server);
    const room = await connect(url.href, entrance.token, { name, link: false, send: false, data: false, slots: 0, audio: false, sealer });
    if (this.#left) return room.leave();
    this.#room = room;
    room.on("joined", (p) => this.emit("here", p));
    room.on("left", (p) => this.emit("gone", p.id));
    room.on("token", (token) => (this.#token = token));
    room.on("session", () => this.emit("renewed"));
    room.on("data", ({ from, topic: of, payload }) => of === topic && from && this.#hear(from, payload));
    room.on("link", (link) => this.emit("link", link));
    room.on("closed", (error) => this.emit("closed", error));
  }

  /** Words come in the order in which they were said, though opening them takes its time. */
  #hear(from: ParticipantID, payload: unknown): void {
    this.#hearing = this.#hearing.then(async () => {
      const word = parseWord(payload);
      if (!word) return;
      if (word.t !== "sealed") return this.emit("word", from, word);
      const secret = parseSecret(await this.keys.get(from)?.open(word.box, "data"));
      if (secret) this.emit("secret", from, secret);
    });
  }

  say(to: ParticipantID, word: Word): void {
    const said = this.#room?.send(topic, word, [to]).catch(() => {}); // who is gone is told nothing
    if (!said) return;
    this.#saying.add(said);
    void said.finally(() => this.#saying.delete(said));
  }

  /** Says what only the other end can read; nothing to who has no key. */
  async whisper(to: ParticipantID, secret: Secret): Promise<void> {
    const box = await this.keys.get(to)?.seal(JSON.stringify(secret), "data");
    if (box) this.say(to, { t: "sealed", box });
  }

  openLink(peer: ParticipantID, name: string): ParticipantLink {
    if (!this.#room) throw new SwitchyardError("closed", "The room was left.");
    return this.#room.openLink(peer, name);
  }

  relay(peer: ParticipantID): Promise<RelayWay> {
    const keys = this.keys.get(peer);
    if (!keys) return Promise.reject(new Error("There are no keys for the relay."));
    return dialRelay(this.server, this.room, this.#token, peer, keys);
  }

  /** Leaves behind what was said. */
  async leave(): Promise<void> {
    if (this.#left) return;
    this.#left = true;
    await Promise.race([Promise.all(this.#saying), new Promise((go) => setTimeout(go, settleTime))]);
    this.#room?.leave();
  }
}
