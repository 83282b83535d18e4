// What of a page is seen: the size of an element while it is in view, and whether the page is.
import type { TrackID } from "./protocol";
import type { Wishes } from "./wishes";

const step = 16; // device pixels: sizes are rounded up, so that a window being resized asks seldom
const hiddenAfter = 3_000; // ms: who looks into another tab for a moment loses no picture

/** The browser's window for one video. */
type PiPWindow = Partial<EventTarget> & { width: number; height: number };

export interface WatchOptions {
  pinned?: boolean;
  /** Wished even while the page is hidden: the element is in a window of its own. */
  always?: boolean;
}

/** Makes a wish of the size at which an element shows a track, for as long as it can be seen: it has
 * a size and is scrolled into view, or it plays in the browser's picture-in-picture window. */
export function watchElement(wishes: Wishes, track: TrackID, video: HTMLVideoElement, options: WatchOptions = {}): () => void {
  let inView = true;
  let pip: PiPWindow | undefined;
  const tell = () => {
    const width = pip ? pip.width : inView ? video.clientWidth : 0;
    const height = pip ? pip.height : inView ? video.clientHeight : 0;
    if (width <= 0 || height <= 0) return wishes.delete(video);
    const always = options.always || pip !== undefined;
    wishes.set({ track, width: pixels(width), height: pixels(height), pinned: options.pinned || undefined, always }, video);
  };
  const sizes = new ResizeObserver(tell);
  const views = new IntersectionObserver((entries) => {
    inView = entries[entries.length - 1]?.isIntersecting ?? inView;
    tell();
  });
  const enter = (e: Event) => {
    pip = (e as Event & { pictureInPictureWindow?: PiPWindow }).pictureInPictureWindow;
    pip?.addEventListener?.("resize", tell);
    tell();
  };
  const leave = () => {
    pip?.removeEventListener?.("resize", tell);
    pip = undefined;
    tell();
  };
  sizes.observe(video);
  views.observe(video);
  video.addEventListener("enterpictureinpicture", enter);
  video.addEventListener("leavepictureinpicture", leave);
  return () => {
    sizes.disconnect();
    views.disconnect();
    pip?.removeEventListener?.("resize", tell);
    video.removeEventListener("enterpictureinpicture", enter);
    video.removeEventListener("leavepictureinpicture", leave);
    wishes.delete(video);
  };
}

function pixels(css: number): number {
  return Math.ceil((css * devicePixelRatio) / step) * step;
}

/** Tells the wishes when the page is hidden for longer than a moment, and when it is back. */
export function watchPage(wishes: Wishes): () => void {
  if (typeof document === "undefined") return () => {};
  let timer: ReturnType<typeof setTimeout> | undefined;
  const look = () => {
    clearTimeout(timer);
    if (document.visibilityState !== "hidden") return wishes.hide(false);
    timer = setTimeout(() => wishes.hide(true), hiddenAfter);
  };
  look();
  document.addEventListener("visibilitychange", look);
  return () => {
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", look);
  };
}
