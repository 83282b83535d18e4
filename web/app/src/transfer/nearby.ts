// Devices that can be sent to without a link: those of this network that asked to be seen, too, and those that were paired.
import { effect, signal } from "@preact/signals";
import type { SwitchyardError } from "../../../sdk/src/index";
import { enterNearby } from "../api";
import type { NearbyOffer } from "./nearbybox";
import { deviceKind, kindOf, Place, type DeviceKind, type Entrance } from "./nearbyplace";
import { mostName, mostPairs, notePaired, pairs, pairSecret } from "./pairs";
import { problemOf, problemWords } from "./words";

export { deviceKind };

const firstPause = 2_000; // ms before the rooms of pairs are entered again; it doubles
const lastPause = 60_000;
const mostWanted = 8; // questions that wait

export interface Device {
  /** The pair's where it is one, else the participant's. */
  id: string;
  name: string;
  kind: DeviceKind;
}

/** A device wants to send us something. */
export interface Wanted extends NearbyOffer {
  from: Device;
  decline(): Promise<void>;
}

/** What a device was asked last. */
export interface Asked {
  link: string;
  declined: boolean;
}

export class Nearby {
  /** In the network. */
  readonly state = signal<"off" | "looking" | "on">("off");
  readonly devices = signal<readonly Device[]>([]);
  /** The paired devices that are there now, by the id of the pair. */
  readonly present = signal<ReadonlyMap<string, DeviceKind>>(new Map());
  /** The rooms of pairs cannot be entered just now. */
  readonly lost = signal(false);
  /** What others want to send, the question that is shown first. */
  readonly wanted = signal<readonly Wanted[]>([]);
  /** What those whom we asked have said. */
  readonly asked = signal<ReadonlyMap<string, Asked>>(new Map());
  /** Why nobody is shown. */
  readonly hint = signal("");
  #network: Place | undefined;
  #pairs = new Map<string, Place>();
  #elsewhere = new Set<string>(); // rooms of pairs in which another tab of this browser is now
  #unwatch: (() => void) | undefined;
  #entering = false;
  #pause = firstPause;
  #entered = 0; // when the last room of a pair was, in ms since 1970
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly name: string,
    readonly token?: string,
  ) {}

  // ---- the network ----

  /** Is seen by the network from now on, and sees. */
  async show(): Promise<void> {
    this.state.value = "looking";
    this.hint.value = "";
    try {
      const { rooms, hint = "" } = await enterNearby({ name: this.name.slice(0, mostName), device: deviceSecret(), network: true }, this.token);
      const [found] = rooms;
      this.hint.value = hint;
      if (!found) return void (this.state.value = "off");
      const place: Place = await this.#place(found, "", () => this.#network === place && this.hide());
      if (this.state.value !== "looking") return place.leave(); // meanwhile the page went
      this.#network = place;
      this.state.value = "on";
      this.#look();
    } catch (e) {
      const problem = problemOf(e);
      this.hint.value = problem.message || problemWords(problem).text;
      this.state.value = "off";
    }
  }

  hide(): void {
    const place = this.#network;
    this.#network = undefined;
    this.devices.value = [];
    this.state.value = "off";
    place?.leave();
  }

  // ---- pairs ----

  /** Is there for the paired devices, for as long as the page is shown. */
  watch(): void {
    if (this.#unwatch) return;
    const seen = () => {
      if (document.visibilityState !== "visible") return;
      this.#elsewhere.clear(); // this is the tab that the person looks at
      this.#pause = firstPause;
      void this.#enter();
    };
    document.addEventListener("visibilitychange", seen);
    let ends = () => {};
    this.#unwatch = () => {
      ends();
      document.removeEventListener("visibilitychange", seen);
    };
    ends = effect(() => {
      pairs.value;
      void this.#enter();
    });
  }

  /** Enters the rooms of pairs that we are not in, and leaves those that were forgotten. */
  async #enter(): Promise<void> {
    for (const [id, place] of this.#pairs) {
      if (pairs.value.some((p) => p.id === id)) continue;
      this.#pairs.delete(id);
      place.leave();
    }
    this.#look();
    const missing = pairs.value.filter((p) => !this.#pairs.has(p.id) && !this.#elsewhere.has(p.id)).slice(0, mostPairs);
    if (missing.length === 0 || this.#entering || !this.#unwatch) return;
    this.#entering = true;
    clearTimeout(this.#timer);
    try {
      const { rooms } = await enterNearby({ name: "", device: deviceSecret(), network: false, pairs: missing.map((p) => p.id) }, this.token);
      for (const room of rooms) await this.#enterPair(room.pair ?? "", room);
      this.lost.value = false;
    } catch {
      this.lost.value = true;
      this.#later();
    } finally {
      this.#entering = false;
    }
    if (!this.lost.value) void this.#enter(); // the pairs may be others meanwhile
  }

  async #enterPair(id: string, entrance: Entrance): Promise<void> {
    const pair = pairs.value.find((p) => p.id === id);
    if (!pair || this.#pairs.has(id)) return;
    const secret = pairSecret(pair);
    const place: Place = await this.#place(entrance, id, (e) => this.#closed(id, place, e), secret);
    if (!this.#unwatch || !pairs.value.some((p) => p.id === id)) return place.leave();
    this.#pairs.set(id, place);
    this.#entered = Date.now();
    this.#look();
  }

  #closed(id: string, place: Place, error: SwitchyardError | undefined): void {
    if (this.#pairs.get(id) !== place) return;
    this.#pairs.delete(id);
    if (Date.now() - this.#entered > lastPause) this.#pause = firstPause; // it was good for a while
    this.#look();
    if (error?.code === "replaced") this.#elsewhere.add(id);
    else this.#later();
  }

  #later(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#enter(), this.#pause);
    this.#pause = Math.min(2 * this.#pause, lastPause);
  }

  // ---- both ----

  #place(entrance: Entrance, pair: string, closed: (e: SwitchyardError | undefined) => void, secret?: Uint8Array<ArrayBuffer>): Promise<Place> {
    const events = {
      changed: () => this.#look(),
      closed,
      declined: (from: string) => this.#declined(pair || from),
      offered: (from: { id: string; name?: string }, offer: NearbyOffer) => this.#offered(place, pair, from, offer),
    };
    let place: Place | undefined;
    const entering = Place.enter(entrance, pair ? undefined : this.name, events, secret);
    return entering.then((entered) => (place = entered));
  }

  #look(): void {
    this.devices.value = this.#network?.others.map((p) => ({ id: p.id, name: p.name || "A device", kind: kindOf(p) })) ?? [];
    this.present.value = new Map([...this.#pairs].filter(([, place]) => place.others.length > 0).map(([id, place]) => [id, kindOf(place.others[0])]));
    // Who went has lost the question: it can be asked again when it comes back.
    const there = new Set([...this.devices.peek().map((d) => d.id), ...this.present.peek().keys()]);
    const asked = [...this.asked.peek()];
    if (asked.some(([id]) => !there.has(id))) this.asked.value = new Map(asked.filter(([id]) => there.has(id)));
  }

  #offered(place: Place | undefined, pair: string, from: { id: string; name?: string }, offer: NearbyOffer): void {
    if (!place || this.wanted.value.length >= mostWanted) return;
    if (pair) notePaired(offer.id);
    const name = pair ? pairs.value.find((p) => p.id === pair)?.name : from.name;
    const device: Device = { id: pair || from.id, name: name || "A device", kind: kindOf(place.room.participant(from.id)) };
    const others = this.wanted.value.filter((w) => w.id !== offer.id);
    this.wanted.value = [...others, { ...offer, from: device, decline: () => place.decline(from.id) }];
  }

  #declined(id: string): void {
    const asked = this.asked.value.get(id);
    if (asked) this.asked.value = new Map(this.asked.value).set(id, { ...asked, declined: true });
  }

  /** Asks a device whether it wants what a link leads to. */
  async offer(to: Device, offer: NearbyOffer): Promise<void> {
    const place = this.#pairs.get(to.id) ?? this.#network;
    if (!place) return;
    const whom = this.#pairs.has(to.id) ? place.others.map((p) => p.id) : [to.id];
    if (this.#pairs.has(to.id)) notePaired(offer.id);
    const sent = await Promise.all(whom.map((id) => place.offer(id, offer)));
    if (sent.includes(true)) this.asked.value = new Map(this.asked.value).set(to.id, { link: offer.id, declined: false });
  }

  /** The question was answered with yes, or needs no answer any more. */
  settle(wanted: Wanted): void {
    this.wanted.value = this.wanted.value.filter((w) => w !== wanted);
  }

  /** No, thanks. */
  async decline(wanted: Wanted): Promise<void> {
    this.settle(wanted);
    await wanted.decline();
  }

  /** The page shows something else. */
  close(): void {
    this.hide();
    this.#unwatch?.();
    this.#unwatch = undefined;
    clearTimeout(this.#timer);
    for (const place of this.#pairs.values()) place.leave();
    this.#pairs.clear();
    this.asked.value = new Map();
    this.wanted.value = [];
    this.present.value = new Map();
  }
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
