// Devices that are behind the same public address and asked to be seen, too.
import { signal } from "@preact/signals";
import { connect, type Participant, type Room } from "../../../sdk/src/index";
import { b64, fromB64, type Bytes } from "../../../sdk/src/transfer/bytes";
import { enterNearby } from "../api";
import { NearbyKey, openOffer, sealOffer, type NearbyOffer } from "./nearbybox";
import { problemOf, problemWords } from "./words";

const topic = "nearby";
const mostName = 64; // characters

export interface Device {
  id: string;
  name: string;
  kind: "phone" | "tablet" | "computer";
}

/** Somebody nearby wants to send us something. */
export interface Wanted extends NearbyOffer {
  from: Device;
}

/** What a device was asked last. */
export interface Asked {
  link: string;
  declined: boolean;
}

export class Nearby {
  readonly state = signal<"off" | "looking" | "on">("off");
  readonly devices = signal<readonly Device[]>([]);
  readonly wanted = signal<Wanted | undefined>(undefined);
  /** What those whom we asked have said. */
  readonly asked = signal<ReadonlyMap<string, Asked>>(new Map());
  /** Why nobody is shown. */
  readonly hint = signal("");
  #room?: Room;
  #key?: NearbyKey;

  constructor(
    readonly name: string,
    readonly token?: string,
  ) {}

  /** Is seen from now on, and sees. */
  async show(): Promise<void> {
    this.state.value = "looking";
    this.hint.value = "";
    try {
      const key = await NearbyKey.make();
      const { rooms, hint = "" } = await enterNearby({ name: this.name.slice(0, mostName), device: deviceSecret(), network: true }, this.token);
      const [found] = rooms;
      this.hint.value = hint;
      if (!found) return void (this.state.value = "off");
      const url = new URL(`/v1/rooms/${encodeURIComponent(found.room)}`, location.origin);
      const attributes = { kind: deviceKind(), key: b64(key.share) };
      const room = await connect(url.href, found.token, { name: this.name, attributes, link: false, send: false, data: false, slots: 0, audio: false });
      this.#enter(room, key);
    } catch (e) {
      const problem = problemOf(e);
      this.hint.value = problem.message || problemWords(problem).text;
      this.state.value = "off";
    }
  }

  #enter(room: Room, key: NearbyKey): void {
    this.#room = room;
    this.#key = key;
    const look = () => (this.devices.value = room.participants.filter((p) => p.id !== room.you && shareOf(p)).map(device));
    room.on("joined", look);
    room.on("left", look);
    room.on("session", look);
    room.on("closed", () => this.#room === room && this.hide());
    room.on("data", ({ from, topic: of, payload }) => of === topic && from && void this.#hear(from, payload));
    look();
    this.state.value = "on";
  }

  async #hear(from: string, said: unknown): Promise<void> {
    const room = this.#room;
    const sender = room?.participants.find((p) => p.id === from);
    if (!room || !sender || !this.#key) return;
    if ((said as { t?: unknown } | undefined)?.t === "declined") return this.#declined(from);
    const offer = await openOffer(said, { room: room.name, sender: from, receiver: room.you }, this.#key);
    if (offer && !this.wanted.value) this.wanted.value = { ...offer, from: device(sender) };
  }

  #declined(id: string): void {
    const asked = this.asked.value.get(id);
    if (asked) this.asked.value = new Map(this.asked.value).set(id, { ...asked, declined: true });
  }

  /** Asks a device whether it wants what a link leads to. */
  async offer(to: Device, offer: NearbyOffer): Promise<void> {
    const room = this.#room;
    const theirs = shareOf(room?.participants.find((p) => p.id === to.id));
    if (!room || !theirs) return;
    this.asked.value = new Map(this.asked.value).set(to.id, { link: offer.id, declined: false });
    await room.send(topic, await sealOffer(offer, { room: room.name, sender: room.you, receiver: to.id }, theirs), [to.id]);
  }

  /** No, thanks. */
  async decline(): Promise<void> {
    const from = this.wanted.value?.from.id;
    this.wanted.value = undefined;
    if (from) await this.#room?.send(topic, { t: "declined" }, [from]).catch(() => {}); // they are gone already
  }

  hide(): void {
    const room = this.#room;
    this.#room = undefined;
    this.devices.value = [];
    this.asked.value = new Map();
    this.wanted.value = undefined;
    this.state.value = "off";
    room?.leave();
  }
}

function shareOf(p: Participant | undefined): Bytes | undefined {
  return fromB64(p?.attributes?.key, 32);
}

function device(p: Participant): Device {
  const kind = p.attributes?.kind;
  return { id: p.id, name: p.name || "A device", kind: kind === "phone" || kind === "tablet" ? kind : "computer" };
}

export function deviceKind(agent = navigator.userAgent): Device["kind"] {
  if (/iPad|Tablet|Android(?!.*Mobile)/.test(agent)) return "tablet";
  return /iPhone|Mobile/.test(agent) ? "phone" : "computer";
}

/** A random text by which the server knows this browser again; nobody else sees it. */
function deviceSecret(): string {
  const at = "switchyard:device-secret";
  try {
    const known = localStorage.getItem(at) ?? crypto.randomUUID();
    localStorage.setItem(at, known);
    return known;
  } catch {
    return crypto.randomUUID();
  }
}

/** The transfer that the person has just said yes to: its page need not ask again whether to take the link. */
let agreedID = "";

export function agree(id: string): void {
  agreedID = id;
}

export function takeAgreement(id: string): boolean {
  const agreed = agreedID === id;
  agreedID = "";
  return agreed;
}
