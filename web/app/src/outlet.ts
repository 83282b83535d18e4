// The one track by which a room sees the camera or hears the microphone, whatever device feeds it.
import { SwitchyardError, type LocalTrack, type Room } from "../../sdk/src/index";
import type { Device } from "./devices";
import type { Say } from "./sending";

export class Outlet {
  #sent?: LocalTrack;
  #turn: Promise<void> = Promise.resolve();
  #searching = false; // the device went away and another is looked for

  constructor(
    readonly room: Room,
    readonly device: Device,
    readonly say: Say,
  ) {}

  get sent(): LocalTrack | undefined {
    return this.#sent;
  }

  /** Brings the track in line with the device. It runs as an effect, so that all it reads calls it
   * again; the work waits a moment, for a change of device closes one and opens another. */
  follow(): void {
    void this.device.track.value;
    void this.device.opening.value;
    this.#turn = this.#turn.then(() => this.#bring());
  }

  /** The device was unplugged: another one takes over, and the track goes on. */
  async lost(): Promise<void> {
    if (this.room.state === "closed") return;
    const { device } = this;
    const gone = device.problem.value || `Your ${device.kind} was disconnected.`;
    this.#searching = true;
    device.close();
    device.id.value = "";
    const found = await device.open();
    this.#searching = false;
    if (!found) await this.#sent?.mute().catch((e: unknown) => this.#failed(e));
    this.follow();
    this.say(found ? `${gone} Using ${device.track.value?.label || "another one"} instead.` : gone);
  }

  /** A moderator muted us: the device goes off, and its button shows it. */
  silenced(): void {
    this.device.close();
    this.say(`A moderator turned your ${this.device.kind} off.`);
  }

  async #bring(): Promise<void> {
    const { device } = this;
    const media = device.track.value;
    if (!media && (device.opening.value || this.#searching || this.#unplugged)) return;
    try {
      if (media) await this.#send(media);
      else await this.#sent?.mute();
    } catch (e) {
      this.#failed(e);
    }
  }

  /** The device ended by itself just now: lost() looks for another. */
  get #unplugged(): boolean {
    return this.#sent?.media.readyState === "ended" && this.device.problem.value !== "";
  }

  async #send(media: MediaStreamTrack): Promise<void> {
    const sent = this.#sent;
    if (!sent || !this.room.localTracks.includes(sent)) {
      this.#sent = await this.room.publish(media, { source: this.device.kind, group: "person", keep: true });
    } else if (sent.media !== media || sent.muted) {
      await sent.unmute(media);
    }
  }

  #failed(e: unknown): void {
    if (e instanceof SwitchyardError && e.code === "closed") return;
    this.device.close();
    this.say(e instanceof Error ? e.message : String(e));
  }
}
