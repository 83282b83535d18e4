import assert from "node:assert/strict";
import { scenario } from "../harness/scenario.mjs";
import { eventually } from "../harness/wait.mjs";

/** Refuses devices as a browser does whose owner said no; `allow()` in the page changes their mind. */
function refuse(error) {
  const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  let refused = true;
  window.allow = () => (refused = false);
  navigator.mediaDevices.getUserMedia = (wanted) => (refused ? Promise.reject(new DOMException("no", error)) : open(wanted));
}

const sends = (person) => person.page.evaluate(() => {
  const { room } = window.switchyard;
  return room.participants.find((p) => p.id === room.you).tracks.map((t) => t.source).sort();
});

scenario("who denies the camera joins all the same, and can allow it later", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const link = await server.invite();
  const anna = await chromium.person("anna");
  await anna.join(link);

  const dora = await chromium.person("dora");
  await dora.page.addInitScript(refuse, "NotAllowedError");
  await dora.page.goto(link);
  await dora.reads(/may not use your camera and microphone/i);
  await dora.reads(/symbol at the left of the address/i); // Chromium's words
  await dora.introduce();
  await dora.click("Join to watch and listen");
  await dora.connected();
  await dora.seesOthers(1);
  assert.deepEqual(await sends(dora), []);

  // In the lobby of a second visit she changes her mind.
  await dora.click("Leave");
  await dora.click("Join again");
  await dora.reads(/may not use your camera and microphone/i);
  await dora.page.evaluate(() => window.allow());
  await dora.click("Try again");
  await dora.click("Join");
  await dora.connected();
  await eventually("she sends both", async () => (await sends(dora)).join() === "camera,microphone");
  await anna.seesOthers(1);
});

scenario("without any device one joins, and is told", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const emil = await chromium.person("emil");
  await emil.page.addInitScript(refuse, "NotFoundError");
  await emil.page.goto(await server.invite());
  await emil.reads(/no camera was found/i);
  await emil.reads(/no microphone was found/i);
  await emil.introduce();
  await emil.click("Join");
  await emil.connected();
});

scenario("the lobby shows that the devices work", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const fay = await chromium.person("fay");
  await fay.page.addInitScript(() => {
    const play = HTMLMediaElement.prototype.play;
    HTMLMediaElement.prototype.play = function () {
      if (this.src.startsWith("blob:")) this.addEventListener("ended", () => (window.soundEnded = this.duration));
      return play.call(this);
    };
  });
  await fay.page.goto(await server.invite());
  // The fake microphone beeps: the bar moves.
  const levels = new Set();
  await eventually("the level moves", async () => {
    levels.add(await fay.page.evaluate(() => document.querySelector(".gauge .fill")?.style.transform));
    return levels.size > 3;
  }, { every: 60 });
  await fay.reads(/your microphone works/i);
  await fay.click("Test sound");
  const seconds = await eventually("the test sound is played to its end", () => fay.page.evaluate(() => window.soundEnded));
  assert.ok(seconds > 0.5 && seconds < 2, `${seconds} s`);
  // The own picture is mirrored and moves.
  const look = () => fay.page.evaluate(() => {
    const video = document.querySelector(".preview video");
    return video && { width: video.videoWidth, mirrored: getComputedStyle(video).transform };
  });
  const { mirrored } = await eventually("the preview shows something", async () => (await look())?.width > 0 && look());
  assert.equal(mirrored, "matrix(-1, 0, 0, 1, 0, 0)");
  // Another camera is chosen, and remembered.
  const cameras = await fay.page.$$eval(".lobby-devices .camera option", (o) => o.map((e) => e.value));
  if (cameras.length > 1) {
    await fay.page.selectOption(".lobby-devices .camera select", cameras.at(-1));
    await eventually("it is remembered", () => fay.page.evaluate((id) => localStorage.getItem("switchyard:device:camera") === id, cameras.at(-1)));
  }
  // Off is off: the light goes out.
  await fay.click("Turn camera off");
  await fay.reads(/your camera is off/i);
  await fay.introduce();
  await fay.click("Join without camera");
  await fay.connected();
  await eventually("she sends sound alone", async () => (await sends(fay)).join() === "microphone");
  // The name is known the next time.
  await fay.page.goto(await server.invite({ room: "other" }));
  assert.equal(await fay.page.inputValue("#name"), "fay");
});

scenario("an old browser and plain HTTP are told what to do", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const link = await server.invite({ more: ["--uses", "1"] });
  const old = await chromium.person("old");
  await old.page.addInitScript(() => {
    delete RTCRtpSender.prototype.replaceTrack;
  });
  await old.page.goto(link);
  await old.reads(/too old for calls/i);

  // One that does not even understand the script.
  const ancient = await chromium.person("ancient");
  ancient.expectErrors(/SyntaxError|Unexpected/);
  await ancient.page.route("**/app.js", (route) => route.fulfill({ contentType: "text/javascript", body: "let let = ?;" }));
  await ancient.page.goto(link);
  await ancient.reads(/this browser is too old/i);

  // As a page of another machine sees it that came by http://.
  const plain = await chromium.person("plain");
  await plain.page.addInitScript(() => {
    Object.defineProperty(window, "isSecureContext", { value: false });
    Object.defineProperty(navigator, "mediaDevices", { value: undefined });
  });
  await plain.page.goto(link);
  await plain.reads(/only to pages that come by HTTPS/i);
  const there = await plain.page.getAttribute(".hint a", "href");
  assert.equal(there, `https://127.0.0.1:${server.media}${new URL(link).pathname}`);
  await plain.introduce();
  await plain.click("Join to watch and listen");
  await plain.connected();
});
