// What a page does wrong for people who cannot see it or use no mouse, as far as a program can tell.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const source = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** WCAG 2.2 at levels A and AA, and what axe calls best practice. */
const rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** Fails where the page as it is now violates a rule of axe. */
export async function accessible(person, where) {
  await settled(person.page);
  await person.page.evaluate(source);
  const found = await person.page.evaluate(async (rules) => {
    const { violations } = await window.axe.run(document, { runOnly: rules });
    return violations.map((v) => `${v.id} (${v.help}): ${v.nodes.map((n) => `${n.target.join(" ")} ${n.any[0]?.message ?? ""}`).join("; ")}`);
  }, rules);
  assert.deepEqual(found, [], `${where}: violations`);
}

/** Something that fades in has no contrast of its own yet. */
export function settled(page) {
  return page.evaluate(() => Promise.all(document.getAnimations().filter((a) => a.effect?.getTiming().iterations !== Infinity).map((a) => a.finished.catch(() => {}))));
}

const sizes = { desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };

/** Looks at the page in both sizes and both colour schemes, and leaves a picture of each. */
export async function everyLook(person, where) {
  for (const [size, viewport] of Object.entries(sizes)) {
    await person.page.setViewportSize(viewport);
    for (const colorScheme of ["light", "dark"]) {
      await person.page.emulateMedia({ colorScheme });
      await settled(person.page);
      await person.screenshot(`look-${where}-${size}-${colorScheme}`);
      await accessible(person, `${where}, ${size}, ${colorScheme}`);
      const wider = await person.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wider <= 0, `${where}, ${size}: ${wider} px wider than the window`);
    }
  }
}
