// The media of a room: the current link to the server, its slots, and who looks at them.
import { AudioOut, type AudioTools } from "./audio";
import { ByteChannels } from "./bytes";
import type { PeerFactory } from "./peer";
import type { Description, ICEServer, NeedSlots, Slot, TrackID, Welcome } from "./protocol";
import { ServerLink, type ReceiveSlot, type ServerLinkOwner, type ServerLinkSettings } from "./serverlink";
import { SlotTable } from "./slots";
import { SlotView, type Feed, type Surface } from "./slotview";

export interface MediaOwner {
  exchange(offer: Description): Promise<Description>;
  state(state: RTCPeerConnectionState): void;
  lost(): void;
  audioBlocked(blocked: boolean): void;
  /** Whether its publisher muted a track. */
  muted(track: TrackID): boolean;
}

export interface MediaSettings extends ServerLinkSettings {
  maxSlots: number;
  play: boolean;
}

/** RoomMedia makes a link per session and binds slots to views. */
export class RoomMedia implements ServerLinkOwner {
  readonly table = new SlotTable();
  readonly audio: AudioOut;
  #link?: ServerLink;
  #iceServers?: ICEServer[];
  #views = new Map<SlotView, TrackID>();

  constructor(
    readonly owner: MediaOwner,
    readonly settings: MediaSettings,
    readonly bytes: ByteChannels,
    readonly factory: PeerFactory,
    audio: AudioTools | undefined,
  ) {
    this.audio = new AudioOut((blocked) => owner.audioBlocked(blocked), audio);
  }

  get link(): ServerLink | undefined {
    return this.#link;
  }

  /** Makes a new link in place of the old one. Its views go dark until the new slots are fed. */
  async begin(): Promise<Description> {
    this.end();
    this.#link = new ServerLink(this, this.settings, this.factory, this.#iceServers);
    return this.#link.offer();
  }

  /** ICE servers of the link to the server: of this one, and of the next one until there are others. */
  setICEServers(list: ICEServer[]): void {
    this.#iceServers = list;
    this.#link?.setICEServers(list);
  }

  async welcome(welcome: Welcome): Promise<void> {
    this.#iceServers = welcome.iceServers ?? [];
    await this.#link?.answer(welcome.answer, this.#iceServers);
    this.#updateViews(); // the slots have their MIDs now
  }

  end(): void {
    this.#link?.close();
    this.#link = undefined;
    this.table.clear();
    this.audio.clear();
    this.#updateViews();
  }

  slots(news: readonly Slot[]): void {
    if (this.table.apply(news)) this.#updateViews();
  }

  /** A track was muted or unmuted: its word comes before the slot's. */
  trackChanged(): void {
    this.#updateViews();
  }

  /** Offers more slots, as many as are missed and allowed. */
  async need(missing: NeedSlots): Promise<void> {
    const link = this.#link;
    if (!link) return;
    const videos = link.slots.filter((s) => s.kind === "video").length;
    const audios = link.slots.filter((s) => s.kind === "audio").length;
    const video = Math.min(missing.video, this.settings.maxSlots - videos);
    const audio = Math.min(missing.audio, this.settings.maxSlots + this.settings.spareAudio - audios);
    if (video <= 0 && audio <= 0) return;
    link.addSlots(Math.max(0, audio), Math.max(0, video));
    await link.negotiate();
    this.#updateViews();
  }

  /** Shows a track on a surface whenever a slot has it. */
  view(track: TrackID, surface: Surface, changed: (visible: boolean) => void): SlotView {
    const view = new SlotView(surface, changed);
    this.#views.set(view, track);
    view.update(this.feed(track));
    return view;
  }

  forget(view: SlotView): void {
    this.#views.delete(view);
    view.close();
  }

  /** What a track's slot gives to look at now. */
  feed(track: TrackID): Feed | undefined {
    const slot = this.table.of(track);
    const receive = slot && this.#link?.slots.find((s) => s.transceiver.mid === slot.mid);
    if (!slot || !receive) return undefined;
    const shown: Slot = this.owner.muted(track) ? { ...slot, paused: "muted" } : slot;
    return { slot: shown, media: receive.media, delivered: () => lastDelivered(receive) };
  }

  // ---- ServerLinkOwner ----

  exchange(offer: Description): Promise<Description> {
    return this.owner.exchange(offer);
  }

  state(state: RTCPeerConnectionState): void {
    this.owner.state(state);
  }

  lost(): void {
    this.owner.lost();
  }

  slot(slot: ReceiveSlot): void {
    if (slot.kind === "audio" && this.settings.play) this.audio.play(slot.media);
  }

  channel(channel: RTCDataChannel): void {
    this.bytes.take(channel);
  }

  #updateViews(): void {
    for (const [view, track] of this.#views) view.update(this.feed(track));
  }
}

function lastDelivered(slot: ReceiveSlot): number | undefined {
  return slot.transceiver.receiver.getSynchronizationSources?.()[0]?.rtpTimestamp;
}
