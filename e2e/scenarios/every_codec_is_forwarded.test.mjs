import assert from "node:assert/strict";
import { scenario } from "../harness/scenario.mjs";
import { eventually } from "../harness/wait.mjs";

for (const codec of ["VP8", "VP9", "H264", "AV1"]) {
  scenario(`${codec} is forwarded`, async (stage) => {
    const server = await stage.server();
    const link = await server.invite();
    const chromium = await stage.chromium();
    const anna = await chromium.person("anna");
    const bert = await chromium.person("bert");
    await anna.join(link, { codec });
    await bert.join(link);
    await bert.seesOthers(1, { from: await anna.me() });
    const sent = (await anna.stats()).outbound.filter((s) => s.kind === "video" && s.packetsSent > 0);
    assert.deepEqual([...new Set(sent.map((s) => s.codec))], [`video/${codec}`], "anna sends that codec");
    const received = await eventually("bert decodes", () => bert.decoding());
    assert.equal(received[0].codec, `video/${codec}`);
    await bert.hears(1);
  });
}
