import assert from "node:assert/strict";
import { scenario } from "../harness/scenario.mjs";
import { eventually } from "../harness/wait.mjs";

/** Video receivers whose picture went on since the last call. */
async function flowing(person, memory) {
  const { inbound } = await person.stats();
  const video = inbound.filter((s) => s.kind === "video");
  const moved = video.filter((s) => s.framesDecoded > (memory.get(s.ssrc) ?? 0));
  video.forEach((s) => memory.set(s.ssrc, s.framesDecoded));
  return moved.length;
}

scenario("ten streams are added and removed in a row", async (stage) => {
  const server = await stage.server();
  const link = await server.invite();
  const chromium = await stage.chromium();
  const anna = await chromium.person("anna");
  const bert = await chromium.person("bert");
  await anna.join(link);
  await bert.join(link);
  await bert.seesOthers(1);

  // All ten at once, beside the camera.
  const ids = [];
  for (let i = 1; i <= 10; i++) ids.push(await anna.publishCanvas(`drawing ${i}`));
  assert.equal(new Set(ids).size, 10);
  await bert.page.evaluate((ids) => {
    window.switchyard.room.subscribe(ids.map((track) => ({ track, width: 160, height: 90 })), true);
  }, ids);
  const memory = new Map();
  await eventually("eleven streams flow", async () => {
    const n = await flowing(bert, memory);
    if (n !== 11) throw new Error(`${n} flow`);
    return true;
  }, { within: 40_000, every: 1500 });

  for (const id of ids) await anna.unpublishCanvas(id);
  await eventually("one stream flows", async () => {
    const n = await flowing(bert, memory);
    if (n !== 1) throw new Error(`${n} flow`);
    return true;
  }, { every: 1500 });
  await bert.page.evaluate(() => window.switchyard.room.subscribe(undefined));

  // And one after the other: positions are used again, so the link does not grow.
  const lines = () => anna.page.evaluate(() => window.probe.links.map((l) => l.getTransceivers().length));
  const before = await lines();
  for (let i = 1; i <= 10; i++) {
    const id = await anna.publishCanvas(`sketch ${i}`);
    await bert.seesOthers(2, { within: 15_000 });
    await anna.unpublishCanvas(id);
    await eventually("it is gone", async () => (await bert.tiles()).every((t) => t.track !== id));
  }
  assert.deepEqual(await lines(), before, "the number of m-lines stays");
  await bert.seesOthers(1);
}, { within: 180_000 });
