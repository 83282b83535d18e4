// Plays what the audio slots bring: one <audio> element per slot. A slot's media track never
// changes, so neither does its element; lip-sync is done below, by the stream ids in the answer.

/** The part of HTMLAudioElement that is used. */
export interface AudioElement {
  srcObject: MediaProvider | null;
  autoplay: boolean;
  play(): Promise<void>;
  pause(): void;
  setSinkId?(id: string): Promise<void>;
}

export interface AudioTools {
  element(): AudioElement;
  stream(track: MediaStreamTrack): MediaStream;
}

const browserAudio: AudioTools = {
  element: () => new Audio(),
  stream: (track) => new MediaStream([track]),
};

/** AudioOut plays tracks, and says when the browser wants a click first. */
export class AudioOut {
  #elements: AudioElement[] = [];
  #blocked = false;
  #sink = "";

  constructor(
    readonly changed: (blocked: boolean) => void,
    readonly tools: AudioTools = browserAudio,
  ) {}

  get blocked(): boolean {
    return this.#blocked;
  }

  play(track: MediaStreamTrack): void {
    const element = this.tools.element();
    element.autoplay = true;
    element.srcObject = this.tools.stream(track);
    if (this.#sink) void element.setSinkId?.(this.#sink).catch(() => {});
    this.#elements.push(element);
    void this.#start(element);
  }

  /** Tries again, from a click: browsers that refused allow it then. */
  async start(): Promise<void> {
    this.#block(false);
    await Promise.all(this.#elements.map((e) => this.#start(e)));
  }

  /** Plays on another speaker, where the browser can. */
  async setSpeaker(deviceId: string): Promise<void> {
    const before = this.#sink;
    this.#sink = deviceId; // also for elements that are made meanwhile
    try {
      await Promise.all(this.#elements.map((e) => e.setSinkId?.(deviceId)));
    } catch (e) {
      if (this.#sink === deviceId) this.#sink = before;
      throw e;
    }
  }

  clear(): void {
    for (const element of this.#elements) {
      element.pause();
      element.srcObject = null;
    }
    this.#elements = [];
    this.#block(false);
  }

  async #start(element: AudioElement): Promise<void> {
    try {
      await element.play();
    } catch (e) {
      // Anything else (AbortError) means that the element was cleared meanwhile.
      if (e instanceof Error && e.name === "NotAllowedError") this.#block(true);
    }
  }

  #block(blocked: boolean): void {
    if (blocked === this.#blocked) return;
    this.#blocked = blocked;
    this.changed(blocked);
  }
}
