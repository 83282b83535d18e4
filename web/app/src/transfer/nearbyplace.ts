// One room in which devices see each other: the network's, or that of a pair.
import { connect, type Participant, type Room, type SwitchyardError } from "../../../sdk/src/index";
import { b64, fromB64, type Bytes } from "../../../sdk/src/transfer/bytes";
import { NearbyKey, openOffer, sealOffer, type NearbyOffer } from "./nearbybox";

const topic = "nearby";

export type DeviceKind = "phone" | "tablet" | "computer";

/** What a place tells. */
export interface PlaceEvents {
  /** Who is there is not who was there. */
  changed(): void;
  offered(from: Participant, offer: NearbyOffer): void;
  declined(from: string): void;
  closed(error: SwitchyardError | undefined): void;
}

export interface Entrance {
  room: string;
  token: string;
}

export class Place {
  #left = false;

  private constructor(
    readonly room: Room,
    readonly key: NearbyKey,
    readonly events: PlaceEvents,
    /** The secret of the pair; empty in the network's room. */
    readonly secret: Bytes,
  ) {}

  static async enter(entrance: Entrance, name: string | undefined, events: PlaceEvents, secret: Bytes = new Uint8Array(0)): Promise<Place> {
    const key = await NearbyKey.make();
    const url = new URL(`/v1/rooms/${encodeURIComponent(entrance.room)}`, location.origin);
    const attributes = { kind: deviceKind(), key: b64(key.share) };
    const room = await connect(url.href, entrance.token, { name, attributes, link: false, send: false, data: false, slots: 0, audio: false });
    const place = new Place(room, key, events, secret);
    for (const what of ["joined", "left", "participant", "session"] as const) room.on(what, () => events.changed());
    room.on("closed", (e) => !place.#left && events.closed(e));
    room.on("data", ({ from, topic: of, payload }) => of === topic && from && void place.#hear(from, payload));
    return place;
  }

  /** The devices that are there. */
  get others(): Participant[] {
    return this.room.participants.filter((p) => p.id !== this.room.you && p.connected && shareOf(p));
  }

  async #hear(from: string, said: unknown): Promise<void> {
    const sender = this.room.participant(from);
    if (!sender) return;
    if ((said as { t?: unknown } | undefined)?.t === "declined") return this.events.declined(from);
    const offer = await openOffer(said, { room: this.room.name, sender: from, receiver: this.room.you }, this.key, this.secret);
    if (offer) this.events.offered(sender, offer);
  }

  /** Asks a device whether it wants what a link leads to; false where it is not there any more. */
  async offer(to: string, offer: NearbyOffer): Promise<boolean> {
    const theirs = shareOf(this.room.participant(to));
    if (!theirs) return false;
    try {
      await this.room.send(topic, await sealOffer(offer, { room: this.room.name, sender: this.room.you, receiver: to }, theirs, this.secret), [to]);
      return true;
    } catch {
      return false; // it went meanwhile, or its key is none
    }
  }

  async decline(to: string): Promise<void> {
    await this.room.send(topic, { t: "declined" }, [to]).catch(() => {}); // they are gone already
  }

  leave(): void {
    this.#left = true;
    this.room.leave();
  }
}

function shareOf(p: Participant | undefined): Bytes | undefined {
  return fromB64(p?.attributes?.key, 32);
}

export function kindOf(p: Participant | undefined): DeviceKind {
  const kind = p?.attributes?.kind;
  return kind === "phone" || kind === "tablet" ? kind : "computer";
}

export function deviceKind(agent = navigator.userAgent): DeviceKind {
  if (/iPad|Tablet|Android(?!.*Mobile)/.test(agent)) return "tablet";
  return /iPhone|Mobile/.test(agent) ? "phone" : "computer";
}
