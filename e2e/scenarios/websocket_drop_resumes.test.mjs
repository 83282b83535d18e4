import assert from "node:assert/strict";
import { scenario } from "../harness/scenario.mjs";
import { eventually } from "../harness/wait.mjs";

const total = (stats, field, kind) => stats.inbound.filter((s) => s.kind === kind).reduce((sum, s) => sum + s[field], 0);

/** Waits until so many more pictures and packets of sound have come than by `before`, and returns the counters then. */
function goesOn(person, before, { frames, packets }) {
  return eventually("pictures and sound go on", async () => {
    const now = await person.stats();
    const more = (field, kind) => total(now, field, kind) - total(before, field, kind);
    if (more("framesDecoded", "video") <= frames || more("packetsReceived", "audio") <= packets || more("totalSamplesReceived", "audio") <= 0) {
      throw new Error(`${more("framesDecoded", "video")} pictures, ${more("packetsReceived", "audio")} packets of sound`);
    }
    return now;
  });
}

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
  const madeBefore = await bert.encoded();
  assert.ok(proxy.cut() > 0, "the WebSocket goes through the proxy");
  await eventually("anna notices", async () => (await anna.told()).some(([e, s]) => e === "state" && s === "reconnecting"));
  await bert.page.evaluate(() => window.switchyard.room.send("chat", { text: "while you were away" }));
  const during = await goesOn(anna, before, { frames: 32, packets: 80 });
  assert.equal(await anna.page.evaluate(() => window.switchyard.room.state), "reconnecting", "all that without a WebSocket");
  proxy.restore();
  await anna.connected();
  const after = await goesOn(anna, during, { frames: 16, packets: 40 });

  assert.equal(await anna.me(), me, "the same participant");
  await eventually("what was missed is replayed", async () => {
    return (await anna.told()).some(([e, d]) => e === "data" && d.payload?.text === "while you were away");
  });
  assert.deepEqual((await bert.told()).filter(([e]) => e === "left" || e === "joined"), [], "for bert she never left");
  assert.deepEqual((await anna.told()).filter(([e]) => ["media", "left", "joined"].includes(e)), [], "nothing changed about media and people");
  // No picture was lost: whatever bert's camera made meanwhile came (how smoothly it is drawn is a matter of the machine).
  await eventually("every picture comes", async () => {
    const made = await bert.encoded() - madeBefore;
    const came = total(await anna.stats(), "framesReceived", "video") - total(before, "framesReceived", "video");
    if (came < made - 3) throw new Error(`${came} of ${made}`); // those on their way
    return true;
  });
  assert.equal(total(after, "packetsLost", "video"), total(before, "packetsLost", "video"), "and no packet was lost");
  assert.deepEqual(after.inbound.map((s) => s.ssrc).sort(), before.inbound.map((s) => s.ssrc).sort(), "the same streams");
});
