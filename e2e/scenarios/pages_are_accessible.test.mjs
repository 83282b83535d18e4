import assert from "node:assert/strict";
import { accessible, everyLook } from "../harness/axe.mjs";
import { scenario } from "../harness/scenario.mjs";

scenario("the pages around a call are accessible in every look", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const anna = await chromium.person("anna");
  anna.expectErrors(/status of 404/);
  await anna.page.goto(server.url);
  await anna.reads(/start a room/i);
  await everyLook(anna, "home");
  await anna.page.evaluate(() => {
    const at = Date.now() - 90e6;
    localStorage.setItem("switchyard:recent", JSON.stringify([{ room: "calm-otter-421", at, role: "host" }, { room: "x".repeat(64), at }]));
  });
  await anna.page.reload();
  await anna.reads(/recent rooms/i);
  await everyLook(anna, "recents");

  await anna.page.goto(await server.invite());
  await anna.reads(/test sound/i);
  await everyLook(anna, "invitation");
  await anna.page.goto(await server.invite({ more: ["--role", "viewer"] }));
  await anna.reads(/watch and listen/i);
  await everyLook(anna, "viewer");
  await anna.page.goto(`${server.url}/i/AAAAAAAAAAAAAAAAAAAAAAAAAA`);
  await anna.reads(/no longer valid/i);
  await everyLook(anna, "message");
  await anna.page.goto(`${server.url}/doctor`);
  await anna.page.waitForSelector("button:enabled:has-text('Check again')", { timeout: 60_000 }); // its findings come one by one
  await everyLook(anna, "doctor");
  await anna.page.goto(`${server.url}/admin`);
  await anna.page.waitForSelector("h1");
  await everyLook(anna, "gate");
});

scenario("the admin page is accessible behind its token", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const ada = await chromium.person("ada");
  const token = (await server.cli("token", ["--admin"])).trim();
  await ada.page.goto(`${server.url}/admin#token=${token}`);
  await ada.reads(/no room is open/i);
  await ada.reads(/nothing was dropped/i);
  await ada.page.waitForSelector(".admin .finding");
  await everyLook(ada, "admin-empty");
  stage.switchyard(["publish", "--data", server.data, "--room", "demo", "--copies", "5"], "crowd");
  stage.switchyard(["publish", "--data", server.data, "--room", "a-second-room"], "one");
  await ada.page.waitForFunction(() => document.querySelectorAll(".graph-person").length === 5 && document.querySelectorAll(".admin-tab").length === 2);
  await everyLook(ada, "admin-graph");
  await ada.page.locator(".graph-person").first().click();
  await ada.page.waitForSelector(".link-panel");
  await ada.click("Watch events");
  await ada.page.waitForSelector(".tap-log");
  await everyLook(ada, "admin-link");
});

scenario("a closed server and a lobby without devices are accessible", async (stage) => {
  const server = await stage.server({ args: ["--no-open"] });
  const chromium = await stage.chromium();
  const bert = await chromium.person("bert");
  await bert.page.addInitScript(() => {
    navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("no", "NotAllowedError"));
  });
  await bert.page.goto(server.url);
  await bert.reads(/begin with an invitation/i);
  await bert.page.click("summary");
  await everyLook(bert, "closed");
  await bert.page.goto(await server.invite());
  await bert.reads(/may not use your camera and microphone/i);
  await everyLook(bert, "denied");
});

scenario("the call and its dialogs are accessible", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const anna = await chromium.person("anna");
  await anna.join(await server.invite({ more: ["--role", "host"] }));
  const bert = await chromium.person("bert");
  await bert.join(await server.invite());
  await anna.seesOthers(1);
  await everyLook(anna, "call");
  await anna.page.setViewportSize({ width: 1280, height: 800 });
  await anna.page.keyboard.press("?");
  await anna.page.waitForSelector("dialog[open]");
  await accessible(anna, "help");
  await anna.page.keyboard.press("Escape");
  await anna.page.waitForSelector("dialog[open]", { state: "detached" });
  await bert.page.keyboard.press("h");
  await bert.page.evaluate(() => window.switchyard.room.send("chat", { text: "Look: https://example.org/draft" }));
  for (const key of ["c", "p"]) {
    await anna.page.keyboard.press(key);
    await anna.page.waitForSelector(".panel");
    await everyLook(anna, key === "c" ? "chat" : "participants");
    await anna.page.keyboard.press("Escape");
    await anna.page.waitForSelector(".panel", { state: "detached" });
  }
  await anna.page.setViewportSize({ width: 1280, height: 800 });
  await anna.click("More");
  await anna.page.waitForSelector(".menu:popover-open");
  await accessible(anna, "menu");
  await anna.click("Invite people");
  await anna.reads(/scan it with a phone/i);
  await everyLook(anna, "invite");
});

scenario("from the start page into a call by keyboard alone", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const kim = await chromium.person("kim");
  await kim.page.goto(server.url);
  await kim.reads(/start a room/i);
  const focused = () => kim.page.evaluate(() => document.activeElement?.textContent?.trim() ?? "");
  const tabTo = async (what) => {
    for (let i = 0; i < 20; i++) {
      await kim.page.keyboard.press("Tab");
      if ((await focused()) === what) return;
    }
    assert.fail(`Tab never comes to ${what}`);
  };
  await tabTo("Start a room");
  await kim.page.keyboard.press("Enter");
  await kim.page.waitForSelector("#name:focus"); // one can type at once
  await kim.page.keyboard.type("kim");
  await kim.page.keyboard.press("Enter");
  await kim.connected();
});
