// Which tracks this participant looks at, and how large: told to the server after a moment's rest.
import type { Subscribe, TrackID, Wish } from "./protocol";

const rest = 100; // ms: a new layout changes many tiles at once

/** Wishes collects what is shown and sends one `subscribe` when it changed. */
export class Wishes {
  #wishes = new Map<TrackID, Wish>();
  #fixed?: Subscribe; // set by the application itself
  #timer?: ReturnType<typeof setTimeout>;
  #sent = "";

  constructor(
    readonly send: (subscribe: Subscribe) => void,
    /** Sorts tracks: those that come first get a slot when there are too few. */
    readonly compare: (a: TrackID, b: TrackID) => number = () => 0,
  ) {}

  set(wish: Wish): void {
    this.#wishes.set(wish.track, wish);
    this.changed();
  }

  delete(track: TrackID): void {
    if (this.#wishes.delete(track)) this.changed();
  }

  /** Sends exactly this from now on; undefined goes back to what is shown. */
  fix(subscribe: Subscribe | undefined): void {
    this.#fixed = subscribe;
    this.changed();
  }

  changed(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#flush();
    }, rest);
  }

  /** A new session starts without wishes. */
  renew(): void {
    this.#sent = "";
    this.changed();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #flush(): void {
    const subscribe = this.#fixed ?? this.#collect();
    const text = JSON.stringify(subscribe);
    if (text === this.#sent || (this.#sent === "" && text === JSON.stringify({ wishes: [], auto: true }))) return;
    this.#sent = text;
    this.send(subscribe);
  }

  /** `auto` stays on: sound, and who is not shown yet, come without a wish. */
  #collect(): Subscribe {
    const wishes = [...this.#wishes.values()].sort((a, b) => this.compare(a.track, b.track));
    return { wishes, auto: true };
  }
}

/** Makes a wish of the size at which an element shows a track, for as long as it does. */
export function watchSize(wishes: Wishes, track: TrackID, video: HTMLVideoElement, pinned: boolean): () => void {
  const tell = () => {
    const width = Math.round(video.clientWidth * devicePixelRatio);
    const height = Math.round(video.clientHeight * devicePixelRatio);
    if (width > 0 && height > 0) wishes.set({ track, width, height, pinned: pinned || undefined });
    else wishes.delete(track);
  };
  const observer = new ResizeObserver(tell);
  observer.observe(video);
  return () => {
    observer.disconnect();
    wishes.delete(track);
  };
}
