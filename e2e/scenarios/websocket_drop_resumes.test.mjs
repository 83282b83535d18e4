import assert from "node:assert/strict";
import { scenario } from "../harness/scenario.mjs";
import { eventually, forAWhile } from "../harness/wait.mjs";

const total = (stats, field, kind) => stats.inbound.filter((s) => s.kind === kind).reduce((sum, s) => sum + s[field], 0);

scenario("a dropped WebSocket resumes while media goes on", async (stage) => {
  const server = await stage.server();
  const proxy = await stage.proxy(server.http);
  const chromium = await stage.chromium();
  const anna = await chromium.person("anna");
  const bert = await chromium.person("bert");
  await anna.join(await server.invite({ base: proxy.url }));
  await bert.join(await server.invite());
  await anna.seesOthers(1);
  await anna.hears(1);
  await anna.listen("state", "media", "data", "left", "joined");
  await bert.listen("left", "joined");
  anna.expectErrors(/WebSocket connection|ERR_CONNECTION|ERR_EMPTY_RESPONSE/);

  const me = await anna.me();
  const before = await anna.stats();
  assert.ok(proxy.cut() > 0, "the WebSocket goes through the proxy");
  await eventually("anna notices", async () => (await anna.told()).some(([e, s]) => e === "state" && s === "reconnecting"));
  await bert.page.evaluate(() => window.switchyard.room.send("chat", { text: "while you were away" }));
  await forAWhile(4000);
  const during = await anna.stats();
  proxy.restore();
  await anna.connected();
  await forAWhile(2000);
  const after = await anna.stats();

  assert.equal(await anna.me(), me, "the same participant");
  await eventually("what was missed is replayed", async () => {
    return (await anna.told()).some(([e, d]) => e === "data" && d.payload?.text === "while you were away");
  });
  assert.deepEqual((await bert.told()).filter(([e]) => e === "left" || e === "joined"), [], "for bert she never left");
  assert.deepEqual((await anna.told()).filter(([e]) => ["media", "left", "joined"].includes(e)), [], "nothing changed about media and people");
  for (const [a, b, seconds] of [[before, during, 4], [during, after, 2]]) {
    const frames = total(b, "framesDecoded", "video") - total(a, "framesDecoded", "video");
    assert.ok(frames > 8 * seconds, `${frames} frames in ${seconds} s`);
    const samples = total(b, "totalSamplesReceived", "audio") - total(a, "totalSamplesReceived", "audio");
    const packets = total(b, "packetsReceived", "audio") - total(a, "packetsReceived", "audio");
    assert.ok(samples > 0 && packets > 20 * seconds, `${packets} audio packets in ${seconds} s`);
  }
  assert.equal(total(after, "freezeCount", "video"), total(before, "freezeCount", "video"), "no picture froze");
  assert.deepEqual(after.inbound.map((s) => s.ssrc).sort(), before.inbound.map((s) => s.ssrc).sort(), "the same streams");
});
