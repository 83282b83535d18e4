import assert from "node:assert/strict";
import { scenario } from "../harness/scenario.mjs";
import { eventually } from "../harness/wait.mjs";

// Chromium names RED nowhere in its statistics; but it counts blocks that it has no use for, since their packet
// came, as discarded packets.
scenario("the server makes RED of a publisher's plain Opus", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const anna = await chromium.person("anna");
  await anna.join(await server.invite());
  const publish = stage.switchyard(["publish", "--data", server.data, "--room", "test"]);
  try {
    await anna.hears(1);
    const sound = async () => (await anna.stats()).inbound.find((i) => i.kind === "audio" && i.packetsReceived > 0);
    let before = await sound();
    await eventually("nearly every packet of sound comes with the one before", async () => {
      const now = await sound();
      const since = (key) => now[key] - before[key];
      if (since("packetsReceived") < 200) return false;
      const seen = JSON.stringify([before, now]);
      assert.equal(now.packetsLost, 0, seen);
      const good = since("packetsDiscarded") >= 0.8 * since("packetsReceived") && since("concealedSamples") < 0.02 * since("totalSamplesReceived");
      before = now; // where the machine or the publisher stood still, the next 4 s count
      assert.ok(good, seen);
      return true;
    });
  } catch (err) {
    err.message += `\npublish: ${publish.tail()}`;
    throw err;
  }
});

scenario("a browser sends RED", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const anna = await chromium.person("anna");
  await anna.join(await server.invite());
  const answer = await anna.page.evaluate(() => [...window.probe.links][0].remoteDescription.sdp);
  const red = Number(answer.match(/a=rtpmap:(\d+) red\/48000\/2/)?.[1]);
  const headers = { authorization: `Bearer ${(await server.cli("token", ["--admin"])).trim()}` };
  assert.ok(red > 0, "the answer has RED");
  const overview = await (await fetch(`${server.url}/v1/admin/overview`, { headers })).json();
  const types = [];
  await eventually("packets of RED come", async () => {
    const tap = await fetch(`${server.url}/v1/admin/links/${overview.rooms[0].links[0].link}/tap?seconds=2`, { headers });
    types.push(...payloadTypes(Buffer.from(await tap.arrayBuffer())));
    assert.ok(types.filter((t) => t === red).length > 20, `payload type ${red} is not among ${types}`);
    return true;
  });
});

/** The RTP payload types in an rtpdump: after a line and 16 bytes, packets behind 8 bytes each. */
function payloadTypes(dump) {
  const types = [];
  for (let at = dump.indexOf(10) + 17; at + 10 <= dump.length; at += dump.readUInt16BE(at)) {
    if (dump.readUInt16BE(at + 2) > 0) types.push(dump[at + 9] & 0x7f); // 0 stands for RTCP
  }
  return types;
}
