import { describe, expect, it } from "vitest";
import type { Entry } from "../../sdk/src/transfer/disk";
import { Choice, tickOf } from "../src/transfer/choice";
import { isSingle, keptOf } from "../src/transfer/disks";

const entries: Entry[] = [
  { p: "d", k: "d" },
  { p: "d/a.jpg", s: 10 },
  { p: "d/e", k: "d" },
  { p: "d/e/B.jpg", s: 20 },
  { p: "d/e/c.txt", s: 30 },
  { p: "d/none", k: "d" },
  { p: "top.txt", s: 5 },
];

const node = (c: Choice, path: string) => {
  for (let shut; (shut = c.rows("").find((n) => n.children.length > 0 && !n.open)); ) c.toggle(shut);
  const found = c.rows("").find((n) => n.path === path);
  if (!found) throw new Error(path);
  return found;
};

describe("a choice", () => {
  it("begins with everything", () => {
    const c = new Choice(entries);
    expect([c.files, c.chosenFiles, c.chosenBytes, c.none]).toEqual([4, 4, 65, false]);
    expect(c.skip()).toEqual([]);
    expect(c.rows("").map((n) => n.path)).toEqual(["d", "top.txt"]);
  });

  it("of a folder is of all that is in it, and half where some is", () => {
    const c = new Choice(entries);
    const [d, e] = [node(c, "d"), node(c, "d/e")];
    c.set([e], false);
    expect([tickOf([e]), tickOf([d]), tickOf(c.roots)]).toEqual(["none", "some", "some"]);
    expect([c.chosenFiles, c.chosenBytes]).toEqual([2, 15]);
    expect(c.skip()).toEqual([2, 3, 4]);
    c.set([node(c, "d/e/c.txt")], true);
    expect(c.skip()).toEqual([3]);
    c.set([d], true);
    expect([tickOf(c.roots), c.chosenBytes]).toEqual(["all", 65]);
    c.set(c.roots, false);
    expect([c.none, c.chosenFiles, c.chosenBytes, c.skip()]).toEqual([true, 0, 0, [0, 1, 2, 3, 4, 5, 6]]);
    c.set([node(c, "d/none")], true);
    expect([c.none, c.skip()]).toEqual([false, [1, 2, 3, 4, 6]]);
  });

  it("finds files by words of their paths, whatever their case", () => {
    const c = new Choice(entries);
    expect(c.rows(" JPG e ").map((n) => n.path)).toEqual(["d/e/B.jpg"]);
    expect(c.rows("nothing like that")).toEqual([]);
    c.set(c.rows("jpg"), false);
    expect(c.skip()).toEqual([1, 3]);
  });

  it("is the same after it was remembered", () => {
    const c = new Choice(entries);
    c.set([node(c, "d/a.jpg"), node(c, "d/e")], false);
    const again = new Choice(entries);
    again.adopt(c.skip());
    expect(again.skip()).toEqual(c.skip());
    expect([again.chosenFiles, again.chosenBytes]).toEqual([c.chosenFiles, c.chosenBytes]);
  });

  it("of hundreds of thousands takes no time that one notices", () => {
    const many: Entry[] = [{ p: "n", k: "d" }];
    for (let i = 0; i < 200_000; i++) many.push({ p: `n/${i}`, s: 1 });
    const c = new Choice(many);
    const all = c.rows("");
    expect(all.length).toBe(200_001);
    const from = performance.now();
    for (let i = 1; i <= 1000; i++) c.set([all[i]!], false);
    expect(performance.now() - from).toBeLessThan(1000); // each goes up its folders, not through the list
    expect(c.chosenFiles).toBe(199_000);
  });

  it("of one file is kept without its folder, of several in their folders", () => {
    const c = new Choice(entries);
    c.set(c.roots, false);
    c.set([node(c, "d/e/B.jpg")], true);
    const one = keptOf(entries, c.skip());
    expect(one.map((e) => e.p)).toEqual(["d/e/B.jpg"]);
    expect(isSingle(one, true)).toBe(true);
    c.set([node(c, "top.txt")], true);
    expect(keptOf(entries, c.skip()).map((e) => e.p)).toEqual(["d", "d/e", "d/e/B.jpg", "top.txt"]);
    expect(keptOf(entries, [])).toBe(entries);
  });
});
