import assert from "node:assert/strict";
import { scenario } from "../harness/scenario.mjs";
import { eventually } from "../harness/wait.mjs";

/** The video that a page receives and decodes. */
async function picture(person) {
  const { inbound } = await person.stats();
  const [video] = inbound.filter((s) => s.kind === "video" && s.framesDecoded > 0);
  return video;
}

/** Waits until the width of what is decoded pleases, and frames go on coming. */
async function width(person, pleases, what) {
  const shown = await eventually(what, async () => {
    const video = await picture(person);
    if (!video || !pleases(video.frameWidth)) throw new Error(`the width is ${video?.frameWidth}`);
    return video;
  });
  await eventually("frames go on coming", async () => (await picture(person)).framesDecoded > shown.framesDecoded + 20);
  return shown.frameWidth;
}

// VP8 and H.264 are sent in three streams, VP9 and AV1 in one stream of three layers.
for (const codec of ["VP8", "H264", "VP9", "AV1"]) {
  scenario(`a small tile gets a small picture of ${codec}, a large one a large picture`, async (stage) => {
    const server = await stage.server();
    const link = await server.invite();
    const chromium = await stage.chromium();
    const anna = await chromium.person("anna");
    const bert = await chromium.person("bert");
    await bert.page.setViewportSize({ width: 1400, height: 900 });
    await anna.join(`${link}?codec=${codec.toLowerCase()}`, { camera: { width: 960, height: 540, frameRate: 15 } });
    await bert.join(link);
    await bert.seesOthers(1, { from: await anna.me() });
    const large = await width(bert, (w) => w >= 960, "a large picture");
    const before = await picture(bert);
    for (let round = 0; round < 2; round++) {
      await bert.page.setViewportSize({ width: 340, height: 420 });
      const small = await width(bert, (w) => w < large, "a smaller picture");
      assert.ok(small <= large / 2, `${small} of ${large}`);
      await bert.page.setViewportSize({ width: 1400, height: 900 });
      await width(bert, (w) => w >= large, "a large picture again");
    }
    const after = await picture(bert);
    assert.equal(after.codec, `video/${codec}`);
    // The receiver never misses anything: what is not sent to it leaves no gap.
    assert.deepEqual([after.packetsLost - before.packetsLost, after.nackCount - before.nackCount], [0, 0]);
    assert.ok(after.pliCount - before.pliCount <= 2, `${after.pliCount - before.pliCount} pictures were lost`);
  });
}
