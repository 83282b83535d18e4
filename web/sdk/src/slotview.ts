// Shows a slot's picture on one surface only while it is known whose picture it is.
//
// The server says which track feeds a slot over the WebSocket, the frames come over RTP: either can
// be first. So a picture is hidden until a frame of the announced generation was presented: one
// whose RTP timestamp is not before that generation's first.
import type { Slot } from "./protocol";

/** Where a picture is shown: a <video> element, or a fake of it. */
export interface Surface {
  /** Plays this track, or nothing. What was shown before is gone. */
  attach(media: MediaStreamTrack | undefined): void;
  show(visible: boolean): void;
  /** Calls back for each presented frame with its RTP timestamp where the browser tells it. */
  onframe(callback: (timestamp: number | undefined) => void): () => void;
}

/** What a slot offers a view: the server's word and the media behind it. */
export interface Feed {
  slot: Slot;
  media: MediaStreamTrack;
  /** RTP timestamp of the frame that was delivered last: for browsers that do not tell it of the
   * presented frame. */
  delivered(): number | undefined;
}

/** Frames to wait for when no timestamp can be had at all. */
const blindFrames = 6;

/** Is a at or after b? RTP timestamps wrap at 2^32. */
export function reached(a: number, b: number): boolean {
  return ((a - b) | 0) >= 0;
}

/** SlotView binds one surface to one track's feed. */
export class SlotView {
  #surface: Surface;
  #changed: (visible: boolean) => void;
  #feed?: Feed;
  #visible = false;
  #presented?: number; // newest RTP timestamp that was presented since attach
  #blind = 0; // frames without a timestamp since the generation's first is known
  #hold = false; // wait for one more frame
  #stop: () => void = () => {};

  constructor(surface: Surface, changed: (visible: boolean) => void = () => {}) {
    this.#surface = surface;
    this.#changed = changed;
    surface.show(false);
  }

  get visible(): boolean {
    return this.#visible;
  }

  /** Takes the newest feed of the track, or undefined when no slot has it. */
  update(feed: Feed | undefined): void {
    const old = this.#feed;
    this.#feed = feed;
    const same = old && feed && old.media === feed.media && old.slot.generation === feed.slot.generation;
    if (!same) this.#attach(feed);
    if (!feed) return;
    if (feed.slot.paused) {
      // What stands still is not shown as if it were live; the next frame brings it back.
      this.#show(false);
      this.#hold = true;
    } else {
      this.#check();
    }
  }

  close(): void {
    this.#feed = undefined;
    this.#attach(undefined);
  }

  #attach(feed: Feed | undefined): void {
    this.#stop();
    this.#stop = () => {};
    this.#show(false);
    this.#presented = undefined;
    this.#blind = 0;
    this.#hold = false;
    this.#surface.attach(feed?.media);
    if (feed) this.#stop = this.#surface.onframe((timestamp) => this.#frame(timestamp));
  }

  #frame(timestamp: number | undefined): void {
    if (!this.#feed) return;
    if (timestamp !== undefined) {
      this.#presented = timestamp;
      this.#hold = false;
    } else {
      this.#estimate();
    }
    if (!this.#feed.slot.paused) this.#check();
  }

  /** Without the frame's own timestamp, the delivered one stands in for it. It can run ahead of the
   * picture by a frame, so one frame more is waited for. */
  #estimate(): void {
    const delivered = this.#feed?.delivered();
    const first = this.#feed?.slot.timestamp;
    if (first === undefined) return;
    if (delivered !== undefined) {
      if (!reached(delivered, first)) return;
      if (this.#presented === undefined) this.#hold = true;
      else this.#hold = false;
      this.#presented = delivered;
    } else if (++this.#blind >= blindFrames) {
      this.#presented = first;
      this.#hold = false;
    }
  }

  #check(): void {
    if (this.#visible) return;
    const first = this.#feed?.slot.timestamp;
    if (first === undefined || this.#presented === undefined || this.#hold) return;
    if (reached(this.#presented, first)) this.#show(true);
  }

  #show(visible: boolean): void {
    if (visible === this.#visible) return;
    this.#visible = visible;
    this.#surface.show(visible);
    this.#changed(visible);
  }
}
