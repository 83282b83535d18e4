// The call as the page sees it: the room's state in signals, and what the buttons do.
import { batch, computed, signal } from "@preact/signals";
import { connect, SwitchyardError, type Participant, type ParticipantID, type ParticipantQuality, type Room } from "../../sdk/src/index";
import { Chat } from "./chat";
import { camera, choices, microphone, type Device } from "./devices";
import { handUp, lower, newHands, raise, raisedHands } from "./hands";
import { changeSeat, type Seat } from "./memory";
import { Moderation } from "./moderation";
import { News } from "./news";
import { Reactions } from "./reactions";
import { Sending } from "./sending";
import { followSpeaker } from "./speaker";
import { View } from "./view";

declare global {
  interface Window {
    /** The room of the call: for a look from the browser's console, and for tests. */
    switchyard?: { room: Room };
  }
}

const spokeRefresh = 3_000; // ms: more often would make tiles jump
const slots = 9; // pairs to begin with
const maxSlots = 25; // as many as a page of tiles has

type Ended = (error: SwitchyardError | undefined) => void;

export class Call {
  readonly participants = signal<Participant[]>([]);
  readonly speaking = signal<ReadonlySet<ParticipantID>>(new Set());
  /** Who spoke last, besides us. */
  readonly speaker = signal<ParticipantID | undefined>(undefined);
  /** When each was last heard; renewed seldom. */
  readonly spoke = signal<ReadonlyMap<ParticipantID, number>>(new Map());
  readonly quality = signal<ReadonlyMap<ParticipantID, ParticipantQuality>>(new Map());
  readonly reachable = signal(true);
  readonly media = signal<RTCPeerConnectionState>("new");
  readonly audioBlocked = signal(false);
  /** Grows when what feeds the slots changed: room.slot() may answer otherwise then. */
  readonly slotNews = signal(0);
  readonly hands = computed(() => raisedHands(this.participants.value));
  readonly news = new News();
  readonly chat: Chat;
  readonly view: View;
  readonly reactions: Reactions;
  readonly sending: Sending;
  readonly moderation: Moderation;
  #heard = new Map<ParticipantID, number>();

  constructor(
    readonly room: Room,
    ended: Ended,
  ) {
    this.chat = new Chat(room);
    this.view = new View(this.chat);
    this.reactions = new Reactions(room);
    this.sending = new Sending(room, this.news.say);
    this.moderation = new Moderation(room, this.news.say);
    this.participants.value = room.participants;
    this.media.value = room.mediaState;
    this.#listen(ended);
    this.#announce();
  }

  /** Joins and publishes what is on. */
  static async join(room: string, seat: Seat, name: string, ended: Ended): Promise<Call> {
    const codec = new URLSearchParams(location.search).get("codec") ?? undefined;
    const joined = await connect(location.href, seat.token, { name, codec, slots, maxSlots, onlyShown: true, simulcast: true });
    const call = new Call(joined, ended);
    changeSeat(room, { joined: true, camera: wanted(camera), microphone: wanted(microphone) });
    call.sending.start();
    call.view.start();
    const stop = followSpeaker(call);
    joined.once("closed", stop);
    window.switchyard = { room: joined };
    return call;
  }

  get me(): Participant | undefined {
    return this.participants.value.find((p) => p.id === this.room.you);
  }

  leave(): void {
    this.room.leave();
  }

  /** Turns the camera or microphone on or off; the room gets what the device gives. */
  async toggle(device: Device): Promise<void> {
    if (device.opening.value) return;
    if (device.on) device.close();
    else if (!(await device.open())) this.news.say(device.problem.value);
    changeSeat(this.room.name, { [device.kind]: device.on });
  }

  /** Changes to another device while the call goes on. */
  async choose(device: Device, id: string): Promise<void> {
    const wanted = choices.value.find((d) => d.deviceId === id)?.label;
    await device.choose(id);
    if (device.opening.value) return; // another choice came after this one
    if (device.problem.value) this.news.say(device.problem.value);
    else if (device.on && device.id.value !== id) this.news.say(`${wanted || `That ${device.kind}`} cannot be used. Using ${device.track.value?.label || "another one"} instead.`);
  }

  async toggleHand(): Promise<void> {
    const change = handUp(this.me) ? lower : raise(this.participants.value);
    await this.room.setAttributes(change).catch((e: unknown) => this.#complain(e));
  }

  startAudio(): void {
    void this.room.startAudio(); // what is still refused says so by `audioblocked`
  }

  #complain(e: unknown): void {
    if (e instanceof SwitchyardError && e.code === "closed") return;
    this.news.say(e instanceof Error ? e.message : String(e));
  }

  // ---- listening ----

  #listen(ended: Ended): void {
    const { room } = this;
    for (const event of ["joined", "left", "participant", "published", "unpublished", "track"] as const) {
      room.on(event, () => this.#refresh());
    }
    room.on("state", (state) => (this.reachable.value = state === "connected"));
    room.on("media", (state) => (this.media.value = state));
    room.on("slots", () => this.slotNews.value++);
    room.on("speakers", (list) => this.#hear(list.map((s) => s.participant)));
    room.on("quality", (list) => (this.quality.value = new Map([...this.quality.value, ...list.map((q) => [q.participant, q] as const)])));
    room.on("audioblocked", (blocked) => (this.audioBlocked.value = blocked));
    room.on("token", (token) => changeSeat(room.name, { token }));
    room.on("error", (e) => this.#complain(e));
    room.on("closed", (e) => {
      this.sending.close();
      this.view.close();
      this.news.close();
      ended(e);
    });
    this.audioBlocked.value = room.audioBlocked;
    this.#hear(room.speakers.map((s) => s.participant)); // told at the join, perhaps before anybody listened
  }

  /** What those who cannot see it are told, too. */
  #announce(): void {
    const { room, news } = this;
    room.on("joined", (p) => news.came(nameOf(p)));
    room.on("left", (p) => news.went(nameOf(p)));
    room.on("data", (d) => d.topic === "chat" && !this.chat.open.value && news.wrote(nameOf(room.participant(d.from ?? ""))));
  }

  #refresh(): void {
    const before = this.participants.value;
    const now = this.room.participants;
    this.participants.value = now;
    for (const p of newHands(before, now)) if (p.id !== this.room.you) this.news.say(`${nameOf(p)} raised a hand`);
  }

  #hear(ids: ParticipantID[]): void {
    const now = Date.now();
    for (const id of ids) this.#heard.set(id, now);
    batch(() => {
      this.speaking.value = new Set(ids);
      this.speaker.value = ids.find((id) => id !== this.room.you) ?? this.speaker.value;
      const shown = Math.max(0, ...this.spoke.value.values());
      if (now - shown > spokeRefresh) this.spoke.value = new Map(this.#heard);
    });
  }
}

export function nameOf(p: Participant | undefined): string {
  return p?.name || p?.id || "Someone";
}

function wanted(device: Device): boolean {
  return device.on || device.opening.value;
}
