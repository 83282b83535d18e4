import assert from "node:assert/strict";
import { scenario } from "../harness/scenario.mjs";

scenario("two screens from one participant", async (stage) => {
  const server = await stage.server();
  const link = await server.invite();
  const chromium = await stage.chromium();
  const anna = await chromium.person("anna");
  const bert = await chromium.person("bert");
  await anna.join(link);
  await bert.join(link);
  await bert.seesOthers(1);

  await anna.click("Share screen");
  await bert.seesOthers(2);
  await anna.page.evaluate(async () => {
    const stream = await navigator.mediaDevices.getDisplayMedia({ video: true });
    await window.switchyard.room.publish(stream.getVideoTracks()[0], { source: "screen", label: "second" });
  });
  const tiles = await bert.seesOthers(3);
  assert.equal(new Set(tiles.map((t) => t.track)).size, 3, "three different tracks");
  const sources = await bert.page.evaluate(() => window.switchyard.room.participants.flatMap((p) => p.tracks)
    .filter((t) => t.participant !== window.switchyard.room.you).map((t) => t.source));
  assert.equal(sources.filter((s) => s === "screen").length, 2, `sources ${sources}`);
  await bert.screenshot("two_screens");
});
