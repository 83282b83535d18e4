import assert from "node:assert/strict";
import { scenario } from "../harness/scenario.mjs";
import { eventually } from "../harness/wait.mjs";

/** How many pictures each video receiver has decoded. */
async function decoded(person) {
  const { inbound } = await person.stats();
  return new Map(inbound.filter((s) => s.kind === "video").map((s) => [s.ssrc, s.framesDecoded]));
}

/** Which of them went on since `before`, by `least` pictures or more. */
function moved(before, now, least = 1) {
  return [...now].filter(([ssrc, n]) => n >= (before.get(ssrc) ?? 0) + least);
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
  let before = await decoded(bert);
  await eventually("eleven streams flow", async () => {
    const n = moved(before, await decoded(bert), 10).length;
    if (n !== 11) throw new Error(`${n} flow`);
    return true;
  });

  for (const id of ids) await anna.unpublishCanvas(id);
  before = await decoded(bert);
  await eventually("one stream flows", async () => {
    const now = await decoded(bert);
    if (moved(before, now, 20).length === 0) return false;
    const n = moved(before, now).length;
    before = now; // those that were on their way meanwhile have ended by the next time
    if (n !== 1) throw new Error(`${n} flow`);
    return true;
  });
  await bert.page.evaluate(() => window.switchyard.room.subscribe(undefined));

  // And one after the other: positions are used again, so the link does not grow.
  const lines = () => anna.page.evaluate(() => window.probe.links.map((l) => l.getTransceivers().length));
  const had = await lines();
  for (let i = 1; i <= 10; i++) {
    const id = await anna.publishCanvas(`sketch ${i}`);
    await bert.seesOthers(2);
    await anna.unpublishCanvas(id);
    await eventually("it is gone", async () => (await bert.tiles()).every((t) => t.track !== id));
  }
  assert.deepEqual(await lines(), had, "the number of m-lines stays");
  await bert.seesOthers(1);
});
