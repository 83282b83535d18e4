// The camera, microphone and speaker of this tab: opened for the preview, kept for the call.
import { signal } from "@preact/signals";
import { openCamera, openMicrophone, SwitchyardError } from "../../sdk/src/index";
import { loadDevice, saveDevice } from "./memory";
import { deviceWords } from "./words";

type Kind = "camera" | "microphone";

const openers = { camera: openCamera, microphone: openMicrophone };

/** One device: off, being opened, on, or not to be had. */
export class Device {
  readonly track = signal<MediaStreamTrack | undefined>(undefined);
  readonly opening = signal(false);
  /** Why it cannot be used, in words. */
  readonly problem = signal("");
  /** Which one; empty for the browser's choice. */
  readonly id = signal("");
  #turn = 0;
  #pending: Promise<boolean> = Promise.resolve(false);

  constructor(readonly kind: Kind) {
    this.id.value = loadDevice(kind);
  }

  get on(): boolean {
    return this.track.value !== undefined;
  }

  /** Opens it; false when that does not work, with `problem` saying why. */
  open(): Promise<boolean> {
    this.#pending = this.#open();
    return this.#pending;
  }

  /** Done when nobody waits for it: it is on or off. */
  async settled(): Promise<void> {
    await this.#pending;
  }

  async #open(): Promise<boolean> {
    if (this.track.value) return true;
    const turn = ++this.#turn;
    this.opening.value = true;
    this.problem.value = "";
    try {
      const track = await this.#openChosen();
      if (turn !== this.#turn) {
        track.stop();
        return this.on;
      }
      this.#take(track);
    } catch (e) {
      if (turn === this.#turn) this.problem.value = deviceWords(e, this.kind);
    } finally {
      if (turn === this.#turn) this.opening.value = false;
    }
    return this.on;
  }

  /** Exactly the chosen one (an ideal id counts less than an ideal size). One that was unplugged since
   * must not keep the others from being used. */
  async #openChosen(): Promise<MediaStreamTrack> {
    const open = openers[this.kind];
    if (!this.id.value) return open();
    try {
      return await open({ deviceId: { exact: this.id.value } });
    } catch (e) {
      if (e instanceof SwitchyardError && e.code === "no-device") return open();
      throw e;
    }
  }

  /** Turns it off, its light too. */
  close(): void {
    this.#turn++;
    this.opening.value = false;
    this.track.value?.stop();
    this.track.value = undefined;
  }

  /** Changes to another device of the kind; remembered for the next call. `problem` says why where that fails. */
  async choose(id: string): Promise<void> {
    this.id.value = id;
    saveDevice(this.kind, id);
    if (!this.on && !this.opening.value) return;
    this.close(); // also what is being opened: the last choice counts
    await this.open();
  }

  #take(track: MediaStreamTrack): void {
    this.id.value = track.getSettings().deviceId ?? this.id.value;
    this.track.value = track;
    track.addEventListener("ended", () => {
      if (this.track.value !== track) return;
      this.track.value = undefined;
      this.problem.value = `The ${this.kind} was disconnected.`;
    });
  }
}

/** Where sound comes out. Not every browser lets a page choose. */
export class Speaker {
  /** Which one; empty for the system's choice. */
  readonly id = signal(loadDevice("speaker"));

  get canChoose(): boolean {
    return typeof HTMLMediaElement !== "undefined" && "setSinkId" in HTMLMediaElement.prototype;
  }

  choose(id: string): void {
    this.id.value = id;
    saveDevice("speaker", id);
  }

  /** Lets an element sound where it shall; one that is gone is as none chosen. */
  async apply(element: HTMLMediaElement): Promise<void> {
    if (this.canChoose) await element.setSinkId(this.id.value).catch(() => {});
  }
}

export const camera = new Device("camera");
export const microphone = new Device("microphone");
export const speaker = new Speaker();

/** The devices to choose from; browsers name them once one was allowed. */
export const choices = signal<MediaDeviceInfo[]>([]);

export async function listDevices(): Promise<void> {
  if (!navigator.mediaDevices) return;
  const list = await navigator.mediaDevices.enumerateDevices().catch(() => []);
  choices.value = list.filter((d) => d.deviceId !== "" && d.label !== "");
}

/** One that was chosen once may be gone: then it is the browser's choice, the first. */
export function chosenOf(list: readonly MediaDeviceInfo[], id: string): string {
  return list.some((d) => d.deviceId === id) ? id : list[0]?.deviceId ?? "";
}

/** Opens what is wanted. Both are asked for at once: the browser puts up one question after another. */
export async function openDevices(want: { camera: boolean; microphone: boolean }): Promise<void> {
  await Promise.all([want.camera && camera.open(), want.microphone && microphone.open()]);
  await listDevices();
}

/** Turns both off; the next lobby asks anew, and does not begin with the words of this one. */
export function closeDevices(): void {
  for (const device of [camera, microphone]) {
    device.close();
    device.problem.value = "";
  }
}
