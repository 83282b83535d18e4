import assert from "node:assert/strict";
import { scenario } from "../harness/scenario.mjs";
import { eventually } from "../harness/wait.mjs";

const state = (person, id) => person.page.evaluate((id) => document.querySelector(`[data-finding="${id}"]`)?.dataset.state, id);
const count = (person, selector) => person.page.evaluate((s) => document.querySelectorAll(s).length, selector);

scenario("Firefox: the doctor examines and the admin page draws a room", async (stage) => {
  // Firefox gathers no loopback candidate where the machine has another address.
  const server = await stage.server({ mediaHost: "0.0.0.0" });
  const fred = await (await stage.firefox()).person("fred");
  await fred.page.goto(`${server.url}/doctor`);
  await eventually("the check has ended", () => fred.page.evaluate(() => document.querySelector('.verdict[aria-busy="false"]') && document.querySelector("[data-finding=http-speed]") !== null));
  for (const id of ["secure", "browser", "codecs", "http", "clock", "websocket", "udp-ipv4", "media"]) {
    assert.equal(await state(fred, id), "ok", `${id}: ${await fred.page.evaluate((id) => document.querySelector(`[data-finding="${id}"]`)?.textContent, id)}`);
  }
  for (const id of ["echo", "link-speed", "http-speed"]) { // a busy machine may be slow
    assert.ok(["ok", "warn"].includes(await state(fred, id)), id);
  }
  await fred.click("Test them");
  await eventually("camera and microphone work", async () => (await state(fred, "camera")) === "ok" && (await state(fred, "microphone")) === "ok");
  await eventually("its picture is shown", () => fred.page.evaluate(() => (document.querySelector(".device-picture")?.videoWidth ?? 0) > 0));
  // How loud it is cannot be seen here: without a sound card Firefox's AudioContext stays suspended.
  await fred.screenshot("firefox_doctor");

  const token = (await server.cli("token", ["--admin"])).trim();
  await fred.page.goto(`${server.url}/admin#token=${token}`);
  await fred.reads(/no room is open/i);
  stage.switchyard(["publish", "--data", server.data, "--room", "demo", "--copies", "3"], "crowd");
  await eventually("three people stand around the server", async () => (await count(fred, ".graph-person")) === 3);
  await eventually("what they send is drawn", () => fred.page.evaluate(() => {
    const pipes = [...document.querySelectorAll(".graph-edge[data-way=in] .graph-pipe")];
    return pipes.length === 3 && pipes.every((p) => Number(p.getAttribute("stroke-width")) > 1.6 && p.getBBox().width > 0);
  }));
  await fred.page.evaluate(() => document.querySelector(".graph-person").focus());
  await fred.page.keyboard.press("Enter");
  await eventually("one link is told of", () => fred.page.evaluate(() => /VP8/.test(document.querySelector(".link-panel")?.innerText ?? "")));
  await fred.screenshot("firefox_admin");
});

scenario("Firefox: from the start page through the lobby into a call and out again", async (stage) => {
  const server = await stage.server({ mediaHost: "0.0.0.0" });
  const fred = await (await stage.firefox()).person("fred");
  await fred.page.goto(server.url);
  await fred.click("Start a room");
  await fred.reads(/you are the host/i);
  await eventually("the preview shows something", () => fred.page.evaluate(() => (document.querySelector(".preview video")?.videoWidth ?? 0) > 0));
  await fred.introduce();
  await fred.click("Join");
  await fred.connected();
  await fred.reads(/you are the only one here/i);
  await fred.screenshot("firefox_call");
  await fred.click("Leave");
  await fred.reads(/you left the call/i);
});
