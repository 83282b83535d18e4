import assert from "node:assert/strict";
import { scenario } from "../harness/scenario.mjs";

scenario("an invitation for one is used by one click, not by a look", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const link = await server.invite({ more: ["--uses", "1"] });
  // A preview bot looks at the link, twice: that uses nothing up.
  for (const method of ["GET", "HEAD", "GET"]) assert.equal((await fetch(link, { method })).status, 200);
  const looker = await chromium.person("looker");
  await looker.page.goto(link);
  await looker.reads(/join/i);

  const anna = await chromium.person("anna");
  await anna.join(link);
  const names = await anna.page.evaluate(() => window.switchyard.room.participants.map((p) => p.name));
  assert.deepEqual(names, ["anna"]);
  await anna.screenshot("alone");

  const bert = await chromium.person("bert");
  bert.expectErrors(/status of 4\d\d/);
  await bert.page.goto(link);
  await bert.reads(/no longer valid/i);

  // A reload goes back into the call with the same identity.
  const me = await anna.me();
  await anna.page.reload();
  await anna.connected();
  assert.equal(await anna.me(), me);
});

scenario("a viewer may not publish, and chat goes to everyone", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const anna = await chromium.person("anna");
  await anna.join(await server.invite());
  const vera = await chromium.person("vera");
  await vera.join(await server.invite({ more: ["--role", "viewer"] }));
  await vera.seesOthers(1);
  await anna.seesOthers(0);
  const refused = await vera.page.evaluate(async () => {
    const stream = await navigator.mediaDevices.getUserMedia({ video: true });
    return window.switchyard.room.publish(stream.getVideoTracks()[0]).then(() => "published", (e) => e.code ?? String(e));
  });
  assert.equal(refused, "forbidden");

  await vera.listen("data");
  await anna.page.evaluate(() => window.switchyard.room.send("chat", { text: "hello vera" }));
  await vera.reads(/./);
  const told = await vera.page.evaluate(() => new Promise((resolve) => {
    const look = () => (window.told.length ? resolve(window.told) : setTimeout(look, 50));
    look();
  }));
  assert.equal(told[0][1].payload.text, "hello vera");
  assert.equal(told[0][1].from, await anna.me());
});
