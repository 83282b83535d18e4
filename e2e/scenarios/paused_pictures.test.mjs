// On a narrow path some pictures pause: their tiles say so, calmly, and they come back by themselves.
import assert from "node:assert/strict";
import path from "node:path";
import { everyLook } from "../harness/axe.mjs";
import { binary, root } from "../harness/process.mjs";
import { scenario } from "../harness/scenario.mjs";
import { eventually } from "../harness/wait.mjs";

const crowd = 5; // of 110 kbit/s each

/** The tiles of others: what they show, and what the room knows of the slots behind them. */
function tiles(person) {
  return person.page.evaluate(() => {
    const { room } = window.switchyard;
    return [...document.querySelectorAll(".stage .tile[data-track]")].filter((t) => t.dataset.participant !== room.you).map((tile) => ({
      visible: tile.dataset.visible === "true", paused: room.slot(tile.dataset.track)?.paused ?? "",
      words: tile.querySelector(".trouble")?.textContent ?? "", title: tile.querySelector(".trouble")?.title ?? "",
      face: Boolean(tile.querySelector(".stand .face")?.checkVisibility()),
      outside: [...tile.querySelectorAll(".trouble, .face")].some((e) => {
        const [a, b] = [e.getBoundingClientRect(), tile.getBoundingClientRect()];
        return a.top < b.top || a.bottom > b.bottom || a.left < b.left || a.right > b.right;
      }),
    }));
  });
}

scenario("pictures that do not fit pause and come back", async (stage) => {
  const wire = await stage.wire();
  const server = await stage.server({ host: "10.77.0.1", namespace: wire.server });
  const link = await server.invite();
  const clip = path.join(root, "client/clip/data/clock.ivf");
  const [command, args] = wire.server.wrap(binary, ["publish", "--data", server.data, "--room", "test", "--copies", String(crowd), clip]);
  stage.process(command, args, "crowd");
  const chromium = await stage.chromium({ namespace: wire.client, origin: server.url });
  const anna = await chromium.person("anna");
  await anna.page.setViewportSize({ width: 1280, height: 800 });
  await anna.join(link);
  const all = (what, ok) => eventually(what, async () => {
    const now = await tiles(anna);
    if (now.length !== crowd || !ok(now)) throw new Error(JSON.stringify(now));
    return now;
  });
  await all("every picture", (now) => now.every((t) => t.visible));

  await wire.narrow(320_000);
  // What is paused says so, and shows a face.
  const said = (t) => /too slow for it now. It comes back by itself/.test(t.words) && t.title.length > 0 && t.face && !t.visible;
  const some = (now) => now.some((t) => t.paused === "bandwidth") && now.some((t) => t.visible && !t.paused) && now.every((t) => !t.paused || said(t));
  await all("some pictures paused, not all", some);
  await everyLook(anna, "paused");
  for (const [name, width, height] of [["desktop", 1280, 800], ["phone", 390, 844], ["small", 844, 390]]) {
    await anna.page.setViewportSize({ width, height });
    await all(`the same at the size of a ${name}, what is said within its tile`, (now) => some(now) && now.every((t) => !t.outside));
    await anna.screenshot(`paused_${name}`);
  }

  await anna.page.setViewportSize({ width: 1280, height: 800 });
  await wire.narrow();
  await all("every picture again", (now) => now.every((t) => t.visible && !t.paused && !t.words));
});
