import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { watchElement, watchPage } from "../src/watch";
import { Wishes } from "../src/wishes";

let sent: string[];
let wishes: Wishes;

const settled = () => {
  vi.advanceTimersByTime(150);
  return sent[sent.length - 1];
};

beforeEach(() => {
  vi.useFakeTimers();
  sent = [];
  wishes = new Wishes((s) => sent.push(s.wishes.map((w) => `${w.track}:${w.width}x${w.height}${w.pinned ? "!" : ""}`).join(" ") + (s.sound ? " +sound" : "") + (s.auto ? " +auto" : "")), undefined, true);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("wishes for what is shown alone", () => {
  it("leave the choice to the server until something was shown", () => {
    wishes.changed();
    expect(settled()).toBeUndefined();
    wishes.set({ track: "A", width: 16, height: 16 });
    expect(settled()).toBe("A:16x16 +sound");
    wishes.delete("A");
    expect(settled()).toBe(" +sound");
  });

  it("are one for a track that two look at, as large as the larger", () => {
    wishes.set({ track: "A", width: 160, height: 90 }, 1);
    wishes.set({ track: "A", width: 320, height: 180, pinned: true }, 2);
    expect(settled()).toBe("A:320x180! +sound");
    wishes.delete(2);
    expect(settled()).toBe("A:160x90 +sound");
  });

  it("are gone while the page is hidden, but for what is always seen", () => {
    wishes.set({ track: "A", width: 160, height: 90 });
    wishes.set({ track: "B", width: 320, height: 180, always: true });
    expect(settled()).toBe("A:160x90 B:320x180 +sound");
    wishes.hide(true);
    expect(settled()).toBe("B:320x180 +sound");
    wishes.hide(false);
    expect(settled()).toBe("A:160x90 B:320x180 +sound");
  });
});

/** A <video> of the page, with the browser's observers in the tests' hands. */
class Element extends EventTarget {
  clientWidth = 300;
  clientHeight = 170;
  static resized: () => void = () => {};
  static seen: (yes: boolean) => void = () => {};
  static observed = 0;

  static stub(): void {
    const observe = { observe: () => void Element.observed++, disconnect: () => void Element.observed-- };
    vi.stubGlobal("devicePixelRatio", 2);
    vi.stubGlobal("ResizeObserver", function (tell: () => void) {
      Element.resized = tell;
      return observe;
    });
    vi.stubGlobal("IntersectionObserver", function (tell: (entries: { isIntersecting: boolean }[]) => void) {
      Element.seen = (isIntersecting) => tell([{ isIntersecting }]);
      return observe;
    });
  }
}

describe("an element", () => {
  let video: Element;
  let stop: () => void;
  beforeEach(() => {
    Element.stub();
    Element.observed = 0;
    video = new Element();
    stop = watchElement(wishes, "A", video as unknown as HTMLVideoElement);
    Element.resized();
  });

  it("asks for its size in device pixels, rounded up so that small changes ask nothing", () => {
    expect(settled()).toBe("A:608x352 +sound");
    video.clientWidth = 302;
    Element.resized();
    settled();
    expect(sent).toHaveLength(1);
    video.clientWidth = 80;
    video.clientHeight = 45;
    Element.resized();
    expect(settled()).toBe("A:160x96 +sound");
  });

  it("asks for nothing while it is scrolled away or has no size", () => {
    settled();
    Element.seen(false);
    expect(settled()).toBe(" +sound");
    Element.seen(true);
    expect(settled()).toBe("A:608x352 +sound");
    video.clientHeight = 0;
    Element.resized();
    expect(settled()).toBe(" +sound");
  });

  it("goes on in the browser's picture in picture while the page is hidden", () => {
    settled();
    const enter = Object.assign(new Event("enterpictureinpicture"), { pictureInPictureWindow: { width: 200, height: 112 } });
    video.dispatchEvent(enter);
    Element.seen(false);
    wishes.hide(true);
    expect(settled()).toBe("A:400x224 +sound");
    video.dispatchEvent(new Event("leavepictureinpicture"));
    expect(settled()).toBe(" +sound");
  });

  it("asks no more when it is watched no more", () => {
    settled();
    stop();
    expect(settled()).toBe(" +sound");
    expect(Element.observed).toBe(0);
  });
});

it("a page that is hidden for a moment loses nothing, for longer it asks for nothing", () => {
  const page = Object.assign(new EventTarget(), { visibilityState: "visible" });
  vi.stubGlobal("document", page);
  const turn = (state: string) => {
    page.visibilityState = state;
    page.dispatchEvent(new Event("visibilitychange"));
  };
  const stop = watchPage(wishes);
  wishes.set({ track: "A", width: 16, height: 16 });
  settled();
  turn("hidden");
  vi.advanceTimersByTime(2_000);
  turn("visible");
  vi.advanceTimersByTime(10_000);
  expect(sent).toEqual(["A:16x16 +sound"]);
  turn("hidden");
  vi.advanceTimersByTime(4_000);
  expect(settled()).toBe(" +sound");
  turn("visible");
  expect(settled()).toBe("A:16x16 +sound");
  stop();
  turn("hidden");
  vi.advanceTimersByTime(10_000);
  expect(sent).toHaveLength(3);
});
