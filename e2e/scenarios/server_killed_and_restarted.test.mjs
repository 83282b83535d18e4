import assert from "node:assert/strict";
import { scenario } from "../harness/scenario.mjs";
import { eventually } from "../harness/wait.mjs";

scenario("the server is killed and restarted", async (stage) => {
  const server = await stage.server();
  const link = await server.invite();
  const chromium = await stage.chromium();
  const anna = await chromium.person("anna");
  const bert = await chromium.person("bert");
  await anna.join(link);
  await bert.join(link);
  await bert.seesOthers(1);
  for (const p of [anna, bert]) {
    p.expectErrors(/WebSocket connection|ERR_CONNECTION/);
    await p.listen("state");
  }
  const ids = [await anna.me(), await bert.me()];

  await server.kill();
  for (const p of [anna, bert]) {
    await eventually(`${p.name} notices`, async () => (await p.told()).some(([, s]) => s === "reconnecting"));
  }
  for (const p of [anna, bert]) {
    await eventually(`${p.name} tries in vain, again and again`, () => p.errors.filter((e) => /WebSocket connection/.test(e)).length >= 3);
  }
  await server.launch();
  const back = Date.now();
  await Promise.all([anna.connected(), bert.connected()]);
  console.log(`back ${Date.now() - back} ms after the server was ready`);
  assert.deepEqual([await anna.me(), await bert.me()], ids, "the same identities");
  await bert.seesOthers(1);
  await anna.seesOthers(1);
  await anna.hears(1);

  // Links from before the crash still open the room: invitations are kept.
  const carla = await chromium.person("carla");
  await carla.join(link);
  await carla.seesOthers(2);
});
