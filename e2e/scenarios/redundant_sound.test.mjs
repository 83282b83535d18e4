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
    await eventually("nearly every packet of sound comes with the one before", async () => {
      const [s] = (await anna.stats()).inbound.filter((i) => i.kind === "audio" && i.packetsReceived > 200);
      if (!s || s.packetsDiscarded < 0.8 * s.packetsReceived) throw new Error(JSON.stringify(s));
      assert.equal(s.packetsLost, 0);
      assert.ok(s.concealedSamples < 0.02 * s.totalSamplesReceived, JSON.stringify(s));
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
  const overview = await (await fetch(`${server.url}/v1/admin/overview`, { headers })).json();
  const tap = await fetch(`${server.url}/v1/admin/links/${overview.rooms[0].links[0].link}/tap?seconds=2`, { headers });
  const types = payloadTypes(Buffer.from(await tap.arrayBuffer()));
  assert.ok(types.filter((t) => t === red).length > 20, `payload type ${red} is not among ${types}`);
});

/** The RTP payload types in an rtpdump: after a line and 16 bytes, packets behind 8 bytes each. */
function payloadTypes(dump) {
  const types = [];
  for (let at = dump.indexOf(10) + 17; at + 10 <= dump.length; at += dump.readUInt16BE(at)) {
    if (dump.readUInt16BE(at + 2) > 0) types.push(dump[at + 9] & 0x7f); // 0 stands for RTCP
  }
  return types;
}
