// The harness itself, against a page that calls itself: it sees what moves, hears what sounds, and
// is not taken in by still or hidden pictures, silence, or a page with an error.

import assert from "node:assert/strict";
import http from "node:http";
import { LoopPage } from "../harness/looppage.mjs";
import { scenario } from "../harness/scenario.mjs";
import { run } from "../harness/process.mjs";
import { eventually } from "../harness/wait.mjs";

async function tries(stage, browser) {
  const page = stage.keep(await LoopPage.start());
  const anna = await browser.person("anna");
  await anna.join(page.url);
  assert.equal(await anna.me(), "anna");
  await anna.seesOthers(1, { from: "peer" });
  await anna.hears(1);
  const tiles = await anna.tiles();
  const of = (who) => tiles.find((t) => t.participant === who && t.kind === "video");
  assert.ok(of("still").contrast > 30, `the still picture is shown: ${JSON.stringify(of("still"))}`);
  assert.equal(of("still").motion, 0, "the still picture stands still");
  assert.equal(of("hidden").motion, 0, "the hidden picture is not seen");
  const { inbound, outbound } = await anna.stats();
  assert.ok(inbound.find((s) => s.kind === "video").framesDecoded > 0);
  assert.ok(inbound.find((s) => s.kind === "audio").totalSamplesReceived > 0);
  assert.equal(outbound.filter((s) => s.packetsSent > 0).length, 2);

  // Silence is not heard.
  await anna.page.evaluate(() => window.probe.links[0].getSenders().forEach((s) => s.replaceTrack(null)));
  await eventually("the sound ends", async () => {
    const heard = await anna.page.evaluate(() => window.probe.loudness(1500));
    return heard.every((h) => h.peak < 0.01);
  });
  await assert.rejects(anna.seesOthers(1, { from: "peer", within: 1500 }), /not within/);

  // An error on the page is a fault of the scenario.
  assert.deepEqual(anna.faults(), []);
  await anna.page.evaluate(() => console.error("broken"));
  await eventually("the error is noted", () => anna.faults().length === 1);
  anna.expectErrors(/broken/);
  assert.deepEqual(anna.faults(), []);
}

scenario("the harness sees and hears in Chromium", async (stage) => tries(stage, await stage.chromium()));

scenario("the harness sees and hears in Firefox", async (stage) => tries(stage, await stage.firefox()));

scenario("the harness chooses a codec", async (stage) => {
  const page = stage.keep(await LoopPage.start());
  const chromium = await stage.chromium();
  for (const codec of ["VP9", "H264"]) {
    const anna = await chromium.person(`anna-${codec}`);
    await anna.join(page.url, { codec });
    await anna.seesOthers(1, { from: "peer" });
    const { inbound } = await anna.stats();
    assert.equal(inbound.find((s) => s.kind === "video").codec, `video/${codec}`);
    await anna.page.close();
  }
});

scenario("the harness cuts connections", async (stage) => {
  const page = stage.keep(await LoopPage.start());
  const proxy = await stage.proxy(Number(new URL(page.url).port));
  const get = () => new Promise((resolve, reject) => {
    http.get(proxy.url, { agent: false }, (res) => res.resume().on("end", () => resolve(res.statusCode))).on("error", reject);
  });
  assert.equal(await get(), 200);
  proxy.cut();
  await assert.rejects(get());
  proxy.restore();
  assert.equal(await get(), 200);
});

scenario("the harness blocks UDP and nothing else", async (stage) => {
  const wire = await stage.wire();
  const udp = (host) => {
    const script = `const s=require("dgram").createSocket("udp4");s.on("error",()=>{});
      s.send("x",9,"${host}",()=>setTimeout(()=>process.exit(0),50))`;
    const [command, args] = wire.client.wrap(process.execPath, ["-e", script]);
    return run(command, args, { log: "udp" });
  };
  const tcp = () => {
    const script = `const n=require("net");n.connect(8080,"10.77.0.1").on("connect",()=>process.exit(0)).on("error",()=>process.exit(3))`;
    const [command, args] = wire.client.wrap(process.execPath, ["-e", script]);
    return run(command, args, { log: "tcp" });
  };
  const [command, args] = wire.server.wrap(process.execPath, ["-e", `require("net").createServer(()=>{}).listen(8080,()=>console.log("up"))`]);
  const listener = stage.process(command, args, "listener");
  await eventually("the listener is up", () => listener.text.stdout.includes("up"));

  await wire.blockUDP();
  assert.equal(await wire.blocked(), 0);
  await udp("10.77.0.1");
  assert.equal(await wire.blocked(), 1);
  await udp("127.0.0.1");
  assert.equal(await wire.blocked(), 1, "loopback is left alone");
  await tcp();
});
