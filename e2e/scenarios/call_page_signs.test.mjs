import assert from "node:assert/strict";
import { scenario } from "../harness/scenario.mjs";
import { eventually } from "../harness/wait.mjs";

function labelOf(page, id) {
  return page.evaluate((id) => document.querySelector(`.stage [data-participant="${id}"]`)?.getAttribute("aria-label") ?? "", id);
}

async function enter(server, person, identity, grants) {
  const token = await server.token({ identity, grants, more: ["--name", person.name] });
  await person.page.goto(server.url);
  await person.page.evaluate((t) => sessionStorage.setItem("switchyard:test", JSON.stringify({ token: t, joined: true, camera: true, microphone: true })), token);
  await person.page.goto(`${server.url}/r/test`);
  await person.connected();
}

scenario("hands, reactions and a moderator", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const anna = await chromium.person("anna");
  const bert = await chromium.person("bert");
  await enter(server, anna, "anna", "publish,subscribe,data,moderate");
  await enter(server, bert, "bert", "publish,subscribe,data");
  await anna.seesOthers(1);
  for (const p of [anna, bert]) await p.remember();
  const seen = (what) => eventually(`anna sees that bert is ${what}`, async () => (await labelOf(anna.page, "bert")).includes(what));

  await bert.click("Raise hand");
  await seen("hand raised");
  await anna.hasRead(/bert raised a hand/);
  // Who comes later sees it, too; and the order, once there are two.
  const cyd = await chromium.person("cyd");
  await enter(server, cyd, "cyd", "publish,subscribe,data");
  await cyd.click("Raise hand");
  await cyd.page.keyboard.press("p");
  await eventually("the hands are in their order", async () => {
    const list = await cyd.page.evaluate(() => [...document.querySelectorAll(".people ol .name")].map((e) => e.textContent));
    return list.join() === "bert,cyd (you)";
  });
  await bert.click("React");
  await bert.click("🎉");
  await anna.hasRead(/^🎉bert$/m); // it rises
  await eventually("and go", () => anna.page.evaluate(() => document.querySelector(".floating")?.textContent === ""));

  // Those without the grant have no such buttons.
  await bert.click("Options for anna");
  await eventually("a menu opens", () => bert.page.evaluate(() => document.querySelector(".menu:popover-open") !== null));
  assert.deepEqual(await bert.page.evaluate(() => [...document.querySelectorAll(".menu:popover-open .menu-label")].map((e) => e.textContent)), ["Pin", "Full screen"]);
  await bert.page.keyboard.press("Escape");

  await anna.click("Options for bert");
  await anna.click("Mute microphone");
  await bert.hasRead(/moderator turned your microphone off/);
  await seen("muted");
  await anna.click("Options for bert");
  await anna.click("Lower the hand");
  await eventually("bert's hand is down", async () => !(await labelOf(bert.page, "bert")).includes("hand"));
  await anna.click("Options for bert");
  await anna.click("Remove from the call");
  await anna.page.waitForSelector(".menu:popover-open", { state: "detached" });
  await anna.click("Remove");
  await bert.reads(/removed/i);
});
