import assert from "node:assert/strict";
import { scenario } from "../harness/scenario.mjs";
import { eventually } from "../harness/wait.mjs";

const grants = (person) => person.page.evaluate(() => window.switchyard.room.grants);
const roomName = (person) => person.page.evaluate(() => window.switchyard.room.name);

scenario("from the start page into a call, and back into it tomorrow", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const anna = await chromium.person("anna");
  await anna.page.goto(server.url);
  await anna.click("Start a room");
  await anna.introduce();
  await anna.click("Join");
  await anna.connected();
  const room = await roomName(anna);
  assert.match(room, /^[a-z]+-[a-z]+-\d+$/);
  assert.equal((await grants(anna)).moderate, true, "who starts a room moderates it");

  // Bert was told the name, and types it as he heard it.
  const bert = await chromium.person("bert");
  await bert.page.goto(server.url);
  await bert.fill(room.replaceAll("-", " "));
  await bert.click("Join");
  await bert.introduce();
  await bert.click("Join");
  await bert.connected();
  assert.equal((await grants(bert)).moderate ?? false, false, "others are guests");
  await bert.seesOthers(1);
  await anna.seesOthers(1);

  await bert.click("Leave");
  await bert.reads(/you left the call/i);
  await bert.click("Go to the start page");
  await bert.reads(/recent rooms/i);
  await bert.click(`Forget ${room}`);
  await eventually("it is forgotten", async () => !(await bert.page.evaluate(() => window.probe.text())).includes(room));

  // Another day: the tab is gone, the token has ended; the key makes her host again.
  await anna.click("Leave");
  await anna.reads(/you left the call/i);
  await anna.page.evaluate(() => {
    sessionStorage.clear();
    const [recent] = JSON.parse(localStorage.getItem("switchyard:recent"));
    delete recent.token;
    localStorage.setItem("switchyard:recent", JSON.stringify([recent]));
  });
  await anna.page.goto(server.url);
  await anna.click(room);
  await anna.introduce();
  await anna.click("Join");
  await anna.connected();
  assert.equal((await grants(anna)).moderate, true);

  // The same day, from the list: with the token of before, so it is the same person.
  const me = await anna.me();
  await anna.click("Leave");
  await anna.page.evaluate(() => sessionStorage.clear());
  await anna.page.goto(server.url);
  await anna.click(room);
  await anna.page.waitForSelector(".lobby");
  await anna.click("Join");
  await anna.connected();
  assert.equal(await anna.me(), me);
});

scenario("a closed server says how a room begins, and opens none by its name", async (stage) => {
  const server = await stage.server({ args: ["--no-open"] });
  const chromium = await stage.chromium();
  const carl = await chromium.person("carl");
  carl.expectErrors(/status of 404/);
  await carl.page.goto(server.url);
  await carl.reads(/begin with an invitation/i);
  const buttons = await carl.page.evaluate(() => window.probe.buttons());
  assert.ok(!buttons.includes("Start a room"), buttons.join());
  await carl.fill("not a link/at all");
  await carl.click("Join");
  await carl.reads(/not an invitation link/i);
  await carl.page.goto(`${server.url}/r/board`);
  await carl.reads(/you need an invitation to board/i);

  const link = await server.invite({ room: "board", more: ["--role", "host"] });
  await carl.click("Go to the start page");
  await carl.fill(link);
  await carl.click("Join");
  await carl.introduce();
  await carl.click("Join");
  await carl.connected();
  assert.equal(await roomName(carl), "board");
});

scenario("rooms that are started too fast are refused for a while", async (stage) => {
  const server = await stage.server();
  // All at once: on a slow machine, one after the other would not be too fast.
  const statuses = await Promise.all(Array.from({ length: 25 }, async () => (await fetch(`${server.url}/v1/open-rooms`, { method: "POST" })).status));
  assert.deepEqual([...new Set(statuses)].sort(), [201, 429]);
  const chromium = await stage.chromium();
  const carl = await chromium.person("carl");
  carl.expectErrors(/status of 429/);
  await carl.page.goto(server.url);
  await carl.click("Start a room");
  await carl.reads(/wait a minute/i);
});
