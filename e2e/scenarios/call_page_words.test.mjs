import assert from "node:assert/strict";
import { scenario } from "../harness/scenario.mjs";
import { eventually } from "../harness/wait.mjs";

scenario("a tile says why its picture does not come", async (stage) => {
  const server = await stage.server();
  const link = await server.invite();
  const chromium = await stage.chromium();
  const anna = await chromium.person("anna");
  // A browser without AV1.
  await anna.page.addInitScript(() => {
    const of = RTCRtpReceiver.getCapabilities.bind(RTCRtpReceiver);
    RTCRtpReceiver.getCapabilities = (kind) => {
      const all = of(kind);
      return { ...all, codecs: all.codecs.filter((c) => c.mimeType.toLowerCase() !== "video/av1") };
    };
  });
  await anna.join(link);
  stage.switchyard(["publish", "--data", server.data, "--room", "test", "--clip", "av1", "--name", "film"], "film");
  await anna.reads(/film/);
  await anna.reads(/Your browser cannot play AV1 video/);
});

scenario("a weak connection is shown to the others, and named", async (stage) => {
  const server = await stage.server();
  const link = await server.invite();
  const chromium = await stage.chromium();
  const anna = await chromium.person("anna");
  const bert = await chromium.person("bert");
  // What Bert's browser measures: one packet in eight does not reach the server.
  await bert.page.addInitScript(() => {
    const measure = RTCPeerConnection.prototype.getStats;
    window.lost = 0.125;
    RTCPeerConnection.prototype.getStats = async function () {
      const stats = await measure.call(this);
      const loss = { id: "loss", type: "remote-inbound-rtp", timestamp: 0, fractionLost: window.lost };
      return new Map([...[...stats].filter(([, s]) => s.type !== "remote-inbound-rtp"), ["loss", loss]]);
    };
  });
  await anna.join(link);
  await bert.join(link);
  await anna.seesOthers(1);
  const said = () => anna.page.evaluate(() => document.querySelector(".tile .mark-weak")?.title ?? "");
  await eventually("Anna reads that his connection is poor", async () => /^Poor connection \(.*1[23] % lost/.test(await said()));
  const tile = await anna.page.evaluate(() => document.querySelector(".tile:has(.mark-weak)").getAttribute("aria-label"));
  assert.match(tile, /^bert,.*Poor connection/, "whoever cannot see the sign is told, too");
  await anna.page.keyboard.press("p");
  await anna.reads(/bert[\s\S]*Poor connection/);
  await bert.page.evaluate(() => (window.lost = 0));
  await eventually("and that it has recovered", async () => (await said()) === "");
});

scenario("a lost server is said, and that it came back", async (stage) => {
  const server = await stage.server();
  const proxy = await stage.proxy(server.http);
  const chromium = await stage.chromium();
  const anna = await chromium.person("anna");
  anna.expectErrors(/WebSocket connection|ERR_CONNECTION|ERR_EMPTY_RESPONSE/);
  await anna.join(await server.invite({ base: proxy.url }));
  proxy.cut();
  await anna.reads(/Reconnecting to the server\. The call goes on\./);
  await anna.screenshot("call_page_reconnecting");
  proxy.restore();
  await anna.connected();
});
