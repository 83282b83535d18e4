import assert from "node:assert/strict";
import { scenario } from "../harness/scenario.mjs";
import { eventually } from "../harness/wait.mjs";

scenario("a call goes on while the server drains", async (stage) => {
  const server = await stage.server({ args: ["--drain-limit", "10m"] });
  const link = await server.invite();
  const chromium = await stage.chromium();
  const anna = await chromium.person("anna");
  const bert = await chromium.person("bert");
  await anna.join(link);
  await bert.join(link);
  await bert.seesOthers(1);

  server.process.signal("SIGTERM");
  await anna.reads(/will restart when the calls on it have ended, in 10 minutes at most/);
  assert.equal(await server.status("/readyz"), 503);
  await bert.seesOthers(1);
  await anna.hears(1);

  // The second signal ends it, and those who were talking are back by themselves after the start.
  for (const p of [anna, bert]) p.expectErrors(/WebSocket connection|ERR_CONNECTION/);
  server.process.signal("SIGTERM");
  await eventually("the server has ended", () => !server.process.running);
  server.args = [];
  await server.launch();
  await Promise.all([anna.connected(), bert.connected()]);
  await bert.seesOthers(1);
});
