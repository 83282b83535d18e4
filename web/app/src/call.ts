// The call as the page sees it: the room's state in signals, and what the buttons do.
import { batch, signal } from "@preact/signals";
import { connect, openScreen, SwitchyardError, type LocalTrack, type Participant, type Room } from "../../sdk/src/index";
import { Chat } from "./chat";
import { camera, microphone, type Device } from "./devices";
import { changeSeat, type Seat } from "./memory";
import { deviceWords } from "./words";

declare global {
  interface Window {
    /** The room of the call: for a look from the browser's console, and for tests. */
    switchyard?: { room: Room };
  }
}

const spokeRefresh = 3_000; // ms: more often would make tiles jump

export class Call {
  readonly participants = signal<Participant[]>([]);
  readonly speaking = signal<ReadonlySet<string>>(new Set());
  /** When each was last heard; renewed seldom. */
  readonly spoke = signal<ReadonlyMap<string, number>>(new Map());
  readonly reachable = signal(true);
  readonly media = signal<RTCPeerConnectionState>("new");
  readonly audioBlocked = signal(false);
  readonly sharing = signal(false);
  /** A sentence to show for a while. */
  readonly notice = signal("");
  readonly chat: Chat;
  #screens: LocalTrack[] = [];
  #sent = new Map<Device, LocalTrack>();
  #heard = new Map<string, number>();
  #noticeTimer?: ReturnType<typeof setTimeout>;

  constructor(
    readonly room: Room,
    ended: (error: SwitchyardError | undefined) => void,
  ) {
    this.chat = new Chat(room);
    this.#listen(ended);
    this.participants.value = room.participants;
    this.media.value = room.mediaState;
  }

  /** Joins and publishes what is on. */
  static async join(room: string, seat: Seat, name: string, ended: (e: SwitchyardError | undefined) => void): Promise<Call> {
    const codec = new URLSearchParams(location.search).get("codec") ?? undefined;
    const joined = await connect(location.href, seat.token, { name, codec });
    const call = new Call(joined, ended);
    changeSeat(room, { joined: true, camera: wanted(camera), microphone: wanted(microphone) });
    // Who joins before the browser's question is answered is seen once it is.
    for (const device of [microphone, camera]) void device.settled().then(() => call.#publish(device));
    window.switchyard = { room: joined };
    return call;
  }

  may(source: string): boolean {
    const publish = this.room.grants.publish ?? [];
    return publish.includes("*") || publish.includes(source);
  }

  leave(): void {
    for (const track of this.#screens) track.media.stop();
    this.room.leave();
  }

  /** Turns the camera or microphone on or off. */
  async toggle(device: Device): Promise<void> {
    if (device.opening.value) return;
    const turnOn = !device.on || this.#sent.get(device)?.muted === true;
    await (turnOn ? this.#turnOn(device) : this.#turnOff(device));
    changeSeat(this.room.name, { [device.kind]: device.on });
  }

  async toggleScreen(): Promise<void> {
    if (this.sharing.value) return this.#stopScreen();
    let tracks: MediaStreamTrack[];
    try {
      tracks = await openScreen();
    } catch (e) {
      // Closing the browser's own dialogue is no failure.
      if (!(e instanceof SwitchyardError && e.code === "denied")) this.say(deviceWords(e, "screen"));
      return;
    }
    await this.#shareScreen(tracks);
  }

  startAudio(): void {
    void this.room.startAudio();
  }

  say(text: string): void {
    clearTimeout(this.#noticeTimer);
    this.notice.value = text;
    this.#noticeTimer = setTimeout(() => (this.notice.value = ""), 6_000);
  }

  // ---- sending ----

  async #turnOn(device: Device): Promise<void> {
    const opened = await device.open();
    if (!opened) return this.say(device.problem.value);
    const sent = this.#sent.get(device);
    const media = device.track.value;
    if (sent && media) await this.#try(sent.unmute(media));
    else await this.#publish(device);
  }

  /** The device is closed, too: its light shall say the truth. */
  async #turnOff(device: Device): Promise<void> {
    await this.#try(this.#sent.get(device)?.mute());
    device.close();
  }

  async #publish(device: Device): Promise<void> {
    const media = device.track.value;
    const source = device.kind;
    if (!media || !this.may(source)) return;
    await this.#try(
      this.room.publish(media, { source, group: "person" }).then((sent) => void this.#sent.set(device, sent)),
    );
  }

  async #shareScreen(tracks: MediaStreamTrack[]): Promise<void> {
    this.sharing.value = true;
    try {
      this.#screens = await Promise.all(
        tracks.map((media) => {
          const source = media.kind === "video" ? ("screen" as const) : ("screen-audio" as const);
          return this.room.publish(media, { source, group: "screen" });
        }),
      );
    } catch (e) {
      for (const track of tracks) track.stop();
      this.sharing.value = false;
      this.#complain(e);
    }
  }

  async #stopScreen(): Promise<void> {
    const screens = this.#screens;
    this.#screens = [];
    this.sharing.value = false;
    for (const track of screens) {
      track.media.stop();
      await this.#try(track.unpublish());
    }
  }

  async #try(work: Promise<unknown> | undefined): Promise<void> {
    try {
      await work;
    } catch (e) {
      this.#complain(e);
    }
  }

  #complain(e: unknown): void {
    if (e instanceof SwitchyardError && e.code === "closed") return;
    this.say(e instanceof Error ? e.message : String(e));
  }

  // ---- listening ----

  #listen(ended: (error: SwitchyardError | undefined) => void): void {
    const { room } = this;
    const refresh = () => (this.participants.value = room.participants);
    for (const event of ["joined", "left", "participant", "published", "unpublished", "track"] as const) {
      room.on(event, refresh);
    }
    room.on("track", () => this.#followMute());
    room.on("state", (state) => (this.reachable.value = state === "connected"));
    room.on("media", (state) => (this.media.value = state));
    room.on("speakers", (list) => this.#hear(list.map((s) => s.participant)));
    room.on("audioblocked", (blocked) => (this.audioBlocked.value = blocked));
    room.on("token", (token) => changeSeat(room.name, { token }));
    room.on("error", (e) => this.#complain(e));
    room.on("ended", (track) => this.#trackEnded(track));
    room.on("closed", (e) => {
      clearTimeout(this.#noticeTimer);
      ended(e);
    });
    this.audioBlocked.value = room.audioBlocked;
  }

  #hear(ids: string[]): void {
    const now = Date.now();
    for (const id of ids) this.#heard.set(id, now);
    batch(() => {
      this.speaking.value = new Set(ids);
      const shown = Math.max(0, ...this.spoke.value.values());
      if (now - shown > spokeRefresh) this.spoke.value = new Map(this.#heard);
    });
  }

  /** A moderator muted us: the button must show it. */
  #followMute(): void {
    for (const [device, sent] of this.#sent) {
      if (!sent.muted || !device.on) continue;
      device.close();
      this.say(`A moderator turned your ${device.kind} off.`);
    }
  }

  #trackEnded(track: LocalTrack): void {
    if (this.#screens.includes(track)) return void this.#stopScreen();
    for (const [device, sent] of this.#sent) {
      if (sent !== track) continue;
      this.#sent.delete(device);
      device.close();
      this.say(device.problem.value || `Your ${device.kind} was turned off.`);
    }
  }
}

function wanted(device: Device): boolean {
  return device.on || device.opening.value;
}
