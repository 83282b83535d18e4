import assert from "node:assert/strict";
import { scenario } from "../harness/scenario.mjs";
import { eventually } from "../harness/wait.mjs";

const idOf = (link) => link.split("/").pop();
const accept = (server, id) => fetch(`${server.url}/v1/invitations/${id}/accept`, { method: "POST", body: "{}" });

scenario("each invitation that ended says what it died of", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const gus = await chromium.person("gus");
  gus.expectErrors(/status of 4\d\d/);

  const brief = await server.invite({ more: ["--expires", "1s"] });
  const used = await server.invite({ more: ["--uses", "1"] });
  assert.equal((await accept(server, idOf(used))).status, 200);
  const admin = (await server.cli("token", ["--admin"])).trim();
  const withdrawn = await server.invite();
  const gone = await fetch(`${server.url}/v1/invitations/${idOf(withdrawn)}`, { method: "DELETE", headers: { authorization: `Bearer ${admin}` } });
  assert.equal(gone.status, 204);

  await gus.page.goto(used);
  await gus.reads(/this invitation has been used/i);
  await gus.page.goto(withdrawn);
  await gus.reads(/was withdrawn/i);
  await gus.page.goto(`${server.url}/i/AAAAAAAAAAAAAAAAAAAAAAAAAA`);
  await gus.reads(/open the whole link/i);
  await gus.page.goto(`${server.url}/no/such/page`);
  await gus.reads(/nothing at this address/i);
  await eventually("a second has passed", async () => !(await (await fetch(`${server.url}/v1/invitations/${idOf(brief)}`)).json()).valid);
  await gus.page.goto(brief);
  await gus.reads(/has expired/i);

  // One that ends while its page is open.
  const last = await server.invite({ more: ["--uses", "1"] });
  await gus.page.goto(last);
  await gus.introduce();
  await accept(server, idOf(last));
  await gus.click("Join");
  await gus.reads(/this invitation has been used/i);
  await gus.click("Go to the start page");
  await gus.reads(/start a room/i);
});

scenario("an invitation for three, raced by twenty, lets three in", async (stage) => {
  const server = await stage.server();
  const link = await server.invite({ more: ["--uses", "3"] });
  const answers = await Promise.all(Array.from({ length: 20 }, () => accept(server, idOf(link))));
  const statuses = answers.map((a) => a.status).sort();
  assert.deepEqual(statuses, [200, 200, 200, ...Array(17).fill(410)]);
  const people = await Promise.all(answers.filter((a) => a.ok).map((a) => a.json()));
  assert.equal(new Set(people.map((p) => p.identity)).size, 3);
});

scenario("who guesses invitations or rooms is slowed down, and told", async (stage) => {
  const server = await stage.server();
  const link = await server.invite();
  const chromium = await stage.chromium();
  const hal = await chromium.person("hal");
  hal.expectErrors(/status of 4(04|29)/);
  await hal.page.goto(server.url);
  const guess = async (i) => {
    const path = i % 2 ? `/v1/open-rooms/calm-otter-${i}` : `/v1/invitations/${String.fromCharCode(65 + (i % 26)).repeat(26)}`;
    return (await fetch(server.url + path)).status;
  };
  // All at once: on a slow machine, one after the other would be no hurry. There all may be let in before the first is found wrong.
  const statuses = new Set();
  await eventually("who guesses is refused", async () => {
    for (const status of await Promise.all(Array.from({ length: 30 }, (_, i) => guess(i)))) statuses.add(status);
    return statuses.has(429);
  });
  assert.deepEqual([...statuses].sort(), [404, 429]);
  // A person at the same address, while the guessing goes on.
  let guessing = true;
  const guesser = (async () => {
    while (guessing) await guess(0);
  })();
  await eventually("the page tells of it", async () => {
    await hal.page.goto(link);
    await hal.reads(/too many tries|your name/i);
    return /too many tries/i.test(await hal.page.evaluate(() => window.probe.text()));
  });
  await hal.reads(/try again/i);
  guessing = false;
  await guesser;
});

scenario("removed, replaced, closed and shut down each have their words", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const host = await chromium.person("host");
  await host.join(await server.invite({ more: ["--role", "host"] }));
  const link = await server.invite();
  const ivy = await chromium.person("ivy");
  await ivy.join(link);

  // Another tab of the same person takes over, and gives back.
  const other = await ivy.page.context().newPage();
  const room = new URL(await ivy.page.url()).pathname;
  await other.goto(server.url + room);
  await other.click("button:text-is('Join')");
  await ivy.reads(/you joined elsewhere/i);
  await other.close();
  await ivy.click("Join again");
  await ivy.page.waitForSelector(".lobby");
  await ivy.click("Join");
  await ivy.connected();

  const moderate = (body) => host.page.evaluate(async (body) => {
    const { room } = window.switchyard;
    const who = room.participants.find((p) => p.name === body.name)?.id;
    await room.moderate(body.action, { participant: who, reason: body.reason });
  }, body);
  await moderate({ action: "remove", name: "ivy", reason: "Please come back quietly." });
  await ivy.reads(/you were removed/i);
  await ivy.reads(/come back quietly/i);
  const buttons = await ivy.page.evaluate(() => window.probe.buttons());
  assert.ok(!buttons.some((b) => /again/i.test(b)), `who was removed is not asked to try again: ${buttons}`);

  const jon = await chromium.person("jon");
  await jon.join(link);
  await moderate({ action: "close" });
  await jon.reads(/the room was closed/i);
});

scenario("a full room and a server that ends say when to try again", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const link = await server.invite();
  for (const [code, words] of [["room-full", /the room is full/i], ["shutting-down", /the server does not answer/i]]) {
    const kim = await chromium.person(`kim-${code}`);
    // The answer of such a server, word for word as the protocol has it.
    await kim.page.routeWebSocket(/\/v1\/rooms\//, (socket) => {
      socket.onMessage((text) => {
        const { id } = JSON.parse(text);
        socket.send(JSON.stringify({ type: "error", re: id, body: { code, message: "", retryable: code !== "room-full", fatal: true } }));
        socket.close({ code: 1000 });
      });
    });
    await kim.page.goto(link);
    await kim.introduce();
    await kim.click("Join");
    await kim.reads(words);
    await kim.page.unrouteAll({ behavior: "ignoreErrors" });
    await kim.reads(/again/i);
  }
});
