import { beforeEach, describe, expect, it } from "vitest";
import type { Slot } from "../src/protocol";
import { SlotTable } from "../src/slots";
import { reached, SlotView, type Feed, type Surface } from "../src/slotview";

class FakeSurface implements Surface {
  media?: MediaStreamTrack;
  visible = true;
  frame: (timestamp: number | undefined) => void = () => {};
  attach(media: MediaStreamTrack | undefined) {
    this.media = media;
  }
  show(visible: boolean) {
    this.visible = visible;
  }
  onframe(callback: (timestamp: number | undefined) => void) {
    this.frame = callback;
    return () => (this.frame = () => {});
  }
}

const media = { id: "slot 1" } as MediaStreamTrack;
const other = { id: "slot 2" } as MediaStreamTrack;

function feed(slot: Partial<Slot>, of = media, delivered: () => number | undefined = () => undefined): Feed {
  return { slot: { mid: "5", kind: "video", track: "T", generation: 1, ...slot }, media: of, delivered };
}

let surface: FakeSurface;
let view: SlotView;

beforeEach(() => {
  surface = new FakeSurface();
  view = new SlotView(surface);
});

describe("a tile", () => {
  it("is hidden without a slot", () => {
    expect(surface.visible).toBe(false);
    view.update(undefined);
    expect(surface.visible).toBe(false);
  });

  it("stays hidden until the first timestamp is known, whatever frames come", () => {
    view.update(feed({}));
    surface.frame(5000);
    expect(surface.visible).toBe(false);
    view.update(feed({ timestamp: 9000 }));
    expect(surface.visible).toBe(false);
    surface.frame(9000);
    expect(surface.visible).toBe(true);
  });

  it("is not shown by frames of the generation before", () => {
    view.update(feed({ timestamp: 9000 }));
    surface.frame(6000);
    surface.frame(8999);
    expect(surface.visible).toBe(false);
    surface.frame(12000);
    expect(surface.visible).toBe(true);
  });

  it("shows at once when the word comes after the frame", () => {
    view.update(feed({}));
    surface.frame(9000);
    surface.frame(12000);
    view.update(feed({ timestamp: 9000 }));
    expect(surface.visible).toBe(true);
  });

  it("goes dark at once when its slot goes to someone else", () => {
    view.update(feed({ timestamp: 0 }));
    surface.frame(10);
    view.update(undefined);
    expect(surface.visible).toBe(false);
    expect(surface.media).toBeUndefined();
    surface.frame(20); // of the other one: nobody listens
    expect(surface.visible).toBe(false);
  });

  it("waits anew when it comes back in a later generation of the same slot", () => {
    view.update(feed({ timestamp: 1000 }));
    surface.frame(1000);
    view.update(feed({ generation: 3 }));
    expect(surface.visible).toBe(false);
    surface.frame(50_000);
    view.update(feed({ generation: 3, timestamp: 60_000 }));
    expect(surface.visible).toBe(false);
    surface.frame(60_000);
    expect(surface.visible).toBe(true);
  });

  it("waits anew when its track moves to another slot", () => {
    view.update(feed({ timestamp: 1000 }));
    surface.frame(1000);
    view.update(feed({ mid: "7", timestamp: 1000 }, other));
    expect(surface.visible).toBe(false);
    expect(surface.media).toBe(other);
    surface.frame(1000);
    expect(surface.visible).toBe(true);
  });

  it("survives the wrap of timestamps", () => {
    view.update(feed({ timestamp: 0xfffffff0 }));
    surface.frame(0xffffff00);
    expect(surface.visible).toBe(false);
    surface.frame(5);
    expect(surface.visible).toBe(true);
  });

  it("hides while paused and comes back with the next frame", () => {
    view.update(feed({ timestamp: 0 }));
    surface.frame(10);
    view.update(feed({ timestamp: 0, paused: "muted" }));
    expect(surface.visible).toBe(false);
    surface.frame(20); // one that was still on its way
    expect(surface.visible).toBe(false);
    view.update(feed({ timestamp: 0 }));
    surface.frame(3000);
    expect(surface.visible).toBe(true);
  });

  it("does not show the frame from before the pause again", () => {
    view.update(feed({ timestamp: 0 }));
    surface.frame(10);
    view.update(feed({ timestamp: 0, paused: "bandwidth" }));
    view.update(feed({ timestamp: 0 }));
    expect(surface.visible).toBe(false);
  });

  it("tells each change once", () => {
    const said: boolean[] = [];
    view = new SlotView(surface, (v) => said.push(v));
    view.update(feed({ timestamp: 0 }));
    surface.frame(1);
    surface.frame(2);
    view.update(feed({ timestamp: 0 }));
    view.close();
    expect(said).toEqual([true, false]);
  });
});

describe("without a timestamp on the frame", () => {
  it("goes by the delivered one, a frame later", () => {
    let delivered = 5000;
    view.update(feed({ timestamp: 9000 }, media, () => delivered));
    surface.frame(undefined);
    expect(surface.visible).toBe(false);
    delivered = 9000;
    surface.frame(undefined); // may still be the picture before
    expect(surface.visible).toBe(false);
    delivered = 12000;
    surface.frame(undefined);
    expect(surface.visible).toBe(true);
  });

  it("waits for some frames when nothing tells a timestamp", () => {
    view.update(feed({}));
    for (let i = 0; i < 20; i++) surface.frame(undefined);
    expect(surface.visible).toBe(false); // not announced yet
    view.update(feed({ timestamp: 9000 }));
    for (let i = 0; i < 5; i++) surface.frame(undefined);
    expect(surface.visible).toBe(false);
    surface.frame(undefined);
    expect(surface.visible).toBe(true);
  });
});

it("compares timestamps modulo 2^32", () => {
  expect(reached(5, 5)).toBe(true);
  expect(reached(4, 5)).toBe(false);
  expect(reached(0, 0xffffffff)).toBe(true);
  expect(reached(0xffffffff, 0)).toBe(false);
  expect(reached(0x7fffffff, 0)).toBe(true);
  expect(reached(0x80000001, 0)).toBe(false);
});

describe("the table of slots", () => {
  const slot = (change: Partial<Slot>): Slot => ({ mid: "5", kind: "video", track: "A", generation: 1, ...change });

  it("ignores what belongs to an older generation", () => {
    const table = new SlotTable();
    table.apply([slot({ track: "B", generation: 4 })]);
    expect(table.apply([slot({ generation: 3, timestamp: 7 })])).toBe(false);
    expect(table.of("A")).toBeUndefined();
    expect(table.of("B")).toMatchObject({ generation: 4 });
  });

  it("keeps a generation's timestamp through later words about it, and no longer", () => {
    const table = new SlotTable();
    table.apply([slot({}), slot({ timestamp: 7 }), slot({ paused: "muted" })]);
    expect(table.of("A")).toMatchObject({ timestamp: 7, paused: "muted" });
    table.apply([slot({ generation: 2 })]);
    expect(table.of("A")?.timestamp).toBeUndefined();
  });

  it("knows an emptied slot", () => {
    const table = new SlotTable();
    table.apply([slot({}), slot({ generation: 2, track: undefined })]);
    expect(table.of("A")).toBeUndefined();
    expect(table.get("5")?.generation).toBe(2);
  });
});

/** Whatever the order of words and frames, a view never shows a frame of another generation. */
it("never shows another's picture, in any order of words and frames", () => {
  let seed = 1;
  const random = (n: number) => (seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff) % n;
  for (let round = 0; round < 2000; round++) {
    surface = new FakeSurface();
    view = new SlotView(surface);
    const table = new SlotTable();
    const start = random(0xffffffff);
    // Generation g is on from time g*10 to g*10+9; odd generations show T. A word is told in order,
    // but late by any amount; the server names the new generation before it sends it.
    const words = [1, 2, 3].flatMap((g) => {
      const track = g % 2 ? "T" : "U";
      return [
        { at: g * 10, slot: { mid: "5", kind: "video" as const, track, generation: g } },
        { at: g * 10 + random(5), slot: { mid: "5", kind: "video" as const, track, generation: g, timestamp: (start + g * 10) >>> 0 } },
      ];
    });
    let shown = 10; // the time of the frame on view: late by up to 2, never going back
    for (let now = 10; now < 40; now++) {
      for (const w of words) if (w.at === now) table.apply([w.slot]);
      const slot = table.of("T");
      view.update(slot && { slot, media, delivered: () => undefined });
      shown = Math.max(shown, now - random(3));
      surface.frame((start + shown) >>> 0);
      const generation = Math.floor(shown / 10);
      if (surface.visible) expect(generation % 2, `round ${round}, time ${now}`).toBe(1);
    }
  }
});
