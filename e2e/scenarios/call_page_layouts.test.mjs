import assert from "node:assert/strict";
import { scenario } from "../harness/scenario.mjs";
import { eventually } from "../harness/wait.mjs";

/** Rectangles of the tiles in view, by participant: where they are, and whether featured. */
function layout(person) {
  return person.page.evaluate(() => [...document.querySelectorAll("[data-tile]")].map((place) => {
    const { x, y, width, height } = place.getBoundingClientRect();
    return { who: place.querySelector("[data-participant]").dataset.participant, strip: !!place.closest(".strip"), corner: place.matches(".corner"), x, y, width, height };
  }));
}

scenario("layouts, pins and shortcuts", async (stage) => {
  const server = await stage.server();
  const link = await server.invite();
  const chromium = await stage.chromium();
  const anna = await chromium.person("anna");
  const bert = await chromium.person("bert");
  await anna.join(link);
  await anna.reads(/the only one here/);
  await bert.join(link);
  await anna.seesOthers(1);
  const [me, other] = [await anna.me(), await bert.me()];

  await eventually("with two, the own picture is in the corner, and the other fills the stage", async () => {
    const two = await layout(anna);
    return two.find((t) => t.who === me)?.corner && two.find((t) => t.who === other).width > 600;
  });

  const crowd = stage.switchyard(["publish", "--data", server.data, "--room", "test", "--copies", "2"], "crowd");
  await eventually("four tiles of one size fill the stage", async () => {
    const tiles = await layout(anna);
    const { width, height } = tiles[0];
    return tiles.length === 4 && tiles.every((t) => t.width === width && t.height === height) && 4 * width * height > 0.5 * 800 * 600;
  });
  await anna.seesOthers(3);

  // L: grid, speaker, automatic.
  await anna.page.keyboard.press("l");
  await anna.page.keyboard.press("l");
  await eventually("one is large and three beside", async () => {
    const tiles = await layout(anna);
    return tiles.filter((t) => t.strip).length === 3 && tiles.some((t) => !t.strip && t.width > 400);
  });
  await anna.page.keyboard.press("l");
  await eventually("the grid is back", async () => (await layout(anna)).every((t) => !t.strip));

  await anna.click("Pin bert");
  await eventually("bert is pinned", async () => {
    const tiles = await layout(anna);
    return tiles.find((t) => t.who === other && !t.strip) && tiles.filter((t) => t.strip).length === 3;
  });
  await anna.seesOthers(3);
  await anna.click("Unpin bert");
  await eventually("nobody is", async () => (await layout(anna)).every((t) => !t.strip));

  await anna.page.keyboard.press("?");
  await anna.reads(/Keyboard shortcuts/);
  await anna.page.keyboard.press("v"); // behind a dialogue, letters do nothing
  await anna.page.keyboard.press("Escape");
  await anna.page.waitForSelector("dialog[open]", { state: "detached" });
  await anna.page.keyboard.press("m");
  await eventually("anna is muted for bert", () => bert.page.evaluate((id) => window.switchyard.room.participant(id).tracks.find((t) => t.kind === "audio").muted === true, me));
  assert.ok(await bert.page.evaluate((id) => !window.switchyard.room.participant(id).tracks.find((t) => t.kind === "video").muted, me), "the camera stayed on");
  await anna.page.keyboard.down(" ");
  await eventually("holding the space bar speaks", () => bert.page.evaluate((id) => !window.switchyard.room.participant(id).tracks.find((t) => t.kind === "audio").muted, me));
  await anna.page.keyboard.up(" ");
  await eventually("and letting go is silent", () => bert.page.evaluate((id) => window.switchyard.room.participant(id).tracks.find((t) => t.kind === "audio").muted === true, me));

  // In a text field, letters are letters.
  await anna.page.keyboard.press("c");
  await anna.fill("mvh?");
  assert.equal(await anna.page.evaluate(() => document.activeElement.value), "mvh?");
  await crowd.stop({ signal: "SIGINT" }).catch(() => {});
});
