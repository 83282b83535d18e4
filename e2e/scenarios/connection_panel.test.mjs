// The connection panel: what the server and the browser say of the link, live.
import assert from "node:assert/strict";
import { everyLook } from "../harness/axe.mjs";
import { scenario } from "../harness/scenario.mjs";
import { eventually } from "../harness/wait.mjs";

/** What the panel's tables and lists say. */
function panel(person) {
  return person.page.evaluate(() => {
    const numbers = (name) => Object.fromEntries([...document.querySelectorAll(`.link-chart[aria-label="${name}"] tr`)].map((r) => [r.querySelector("th").textContent.trim(), r.querySelector("td").textContent]));
    const list = (name) => [...document.querySelectorAll(`section[aria-label="${name}"] li`)].map((li) => li.textContent);
    const drawn = [...document.querySelectorAll(".link-line")].map((p) => (p.getAttribute("d").match(/[ML]/g) ?? []).length);
    return { receiving: numbers("Receiving"), sending: numbers("Sending"), pictures: list("Pictures"), own: list("Your pictures"), drawn };
  });
}

async function shows(person, what, ok) {
  return eventually(`the panel shows ${what}`, async () => {
    const now = await panel(person);
    if (!ok(now)) throw new Error(JSON.stringify(now));
    return now;
  });
}

scenario("the connection panel shows how the link does", async (stage) => {
  const server = await stage.server();
  const link = await server.invite();
  const chromium = await stage.chromium();
  const anna = await chromium.person("anna");
  const bert = await chromium.person("bert");
  await anna.join(link);
  await bert.join(link);
  await anna.seesOthers(1);

  await anna.page.keyboard.press("n");
  const number = /^\d.* [kM]?bit\/s$/;
  const first = await shows(anna, "rates of both ways", (p) =>
    number.test(p.receiving.Received) && number.test(p.receiving["Server’s estimate"]) && /ms$/.test(p.receiving["Round trip"]) && /%$/.test(p.receiving.Loss) &&
    number.test(p.sending.Sent) && number.test(p.sending["Browser’s estimate"]) && /ms$/.test(p.sending["Round trip"]));
  await shows(anna, "what bert's picture gets", (p) => /^bert\d+×\d+, \d+ fps, .*bit\/s$/.test(p.pictures[0] ?? ""));
  await shows(anna, "her own layers", (p) => p.own.length === 3 && p.own.some((l) => /^Your camera, (small|medium|large)\d+×\d+, .*bit\/s/.test(l)));
  const more = await shows(anna, "a line that grows", (p) => p.drawn[0] >= 5 && JSON.stringify([p.receiving, p.sending]) !== JSON.stringify([first.receiving, first.sending]));
  assert.equal(more.drawn.length, 9, "three rates and two times, three rates and one time");

  // Bert turns his camera off: the panel says so, and what comes becomes less.
  await bert.page.keyboard.press("v");
  await shows(anna, "that bert's camera is off", (p) => p.pictures.length === 0 || p.pictures.every((w) => /Off at their side/.test(w)));
  await bert.page.keyboard.press("v");
  await shows(anna, "his picture again", (p) => /fps/.test(p.pictures[0] ?? ""));

  await everyLook(anna, "connection");
  await anna.page.keyboard.press("Escape");
  await eventually("the panel is closed", async () => !(await anna.page.evaluate(() => document.querySelector(".link-panel"))));
});
