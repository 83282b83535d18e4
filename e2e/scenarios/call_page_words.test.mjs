import { scenario } from "../harness/scenario.mjs";

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
