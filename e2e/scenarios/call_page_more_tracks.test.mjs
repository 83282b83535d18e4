import assert from "node:assert/strict";
import { scenario } from "../harness/scenario.mjs";
import { eventually } from "../harness/wait.mjs";

// Chromium's second and third fake cameras give formats that cannot be encoded.
const manyCameras = ["--use-fake-device-for-media-stream=device-count=5,fps=20"];

/** Descriptions that were set on all links so far: it stays the same where nothing is negotiated. */
function negotiations(person) {
  return person.page.evaluate(() => window.negotiations);
}

async function countNegotiations(person) {
  await person.page.addInitScript(() => {
    window.negotiations = 0;
    const set = RTCPeerConnection.prototype.setLocalDescription;
    RTCPeerConnection.prototype.setLocalDescription = function (...args) {
      window.negotiations++;
      return set.apply(this, args);
    };
  });
}

scenario("a second camera and a second screen come and go while another watches", async (stage) => {
  const server = await stage.server();
  const link = await server.invite();
  const chromium = await stage.chromium({ args: manyCameras });
  const anna = await chromium.person("anna");
  const bert = await chromium.person("bert");
  await anna.join(link);
  await bert.join(link);
  const [first] = await bert.seesOthers(1);

  await anna.click("Choose camera");
  await anna.click("Add fake_device_3");
  await bert.seesOthers(2);
  await anna.click("Share screen");
  await bert.seesOthers(3);
  await anna.click("Shared screens");
  await anna.click("Share another screen");
  const four = await bert.seesOthers(4);
  assert.equal(new Set(four.map((t) => t.track)).size, 4);
  assert.ok(four.some((t) => t.track === first.track), "the first camera's track goes on");

  await anna.click("Shared screens");
  await anna.click("Stop sharing 1");
  await bert.seesOthers(3);
  await anna.click("Choose camera");
  await anna.click("Stop fake_device_3");
  await bert.seesOthers(2);
  await anna.click("Stop sharing");
  const [last] = await bert.seesOthers(1);
  assert.equal(last.track, first.track);
});

scenario("devices change without a drop and without renegotiation", async (stage) => {
  const server = await stage.server();
  const link = await server.invite();
  const chromium = await stage.chromium({ args: manyCameras });
  const anna = await chromium.person("anna");
  const bert = await chromium.person("bert");
  await countNegotiations(anna);
  await anna.join(link);
  await bert.join(link);
  const [before] = await bert.seesOthers(1);
  await anna.seesOthers(1);
  const count = await negotiations(anna);
  await anna.remember();
  await bert.listen("published", "unpublished", "track");
  const sends = () => anna.page.evaluate(() => window.switchyard.room.localTracks.map((t) => `${t.media.label}${t.muted ? " muted" : ""}`).sort());

  await anna.click("Choose camera");
  await anna.click("fake_device_4");
  await eventually("the second camera is sent", async () => (await sends()).includes("fake_device_4"));
  await anna.click("Choose microphone");
  await anna.click("Fake Audio Input 2");
  await eventually("the second microphone is sent", async () => (await sends()).includes("Fake Audio Input 2"));
  const [after] = await bert.seesOthers(1);
  await bert.hears(1);
  assert.equal(after.track, before.track, "it is the same track");

  // As when the plug is pulled: the track ends by itself, and another camera takes over.
  await anna.page.evaluate(() => {
    const { media } = window.switchyard.room.localTracks.find((t) => t.kind === "video");
    media.stop();
    media.dispatchEvent(new Event("ended"));
  });
  await anna.hasRead(/camera was disconnected\. Using /);
  const [again] = await bert.seesOthers(1);
  assert.equal(again.track, before.track, "still the same track");

  assert.equal(await negotiations(anna), count, "nothing was negotiated");
  const told = await bert.told();
  assert.deepEqual(told.filter(([e, t]) => e !== "track" || t.muted), [], "nobody was told of anything ending, beginning or muted");
  assert.deepEqual((await sends()).filter((s) => s.endsWith("muted")), []);
});

/** Keeps what the person shared: Chromium's fake screen has sound, as a tab's. */
function keepScreens() {
  const open = navigator.mediaDevices.getDisplayMedia.bind(navigator.mediaDevices);
  window.screens = [];
  navigator.mediaDevices.getDisplayMedia = async (wanted) => {
    const stream = await open(wanted);
    window.screens.push(stream);
    return stream;
  };
}

scenario("a screen brings its sound, and both end when the browser's own button ends it", async (stage) => {
  const server = await stage.server();
  const link = await server.invite();
  const chromium = await stage.chromium({ args: manyCameras });
  const anna = await chromium.person("anna");
  const bert = await chromium.person("bert");
  await anna.page.addInitScript(keepScreens);
  await anna.join(link);
  await bert.join(link);
  await bert.hears(1);
  await anna.remember();
  const sources = () => bert.page.evaluate(() => window.switchyard.room.participants.find((p) => p.name === "anna").tracks.map((t) => t.source).sort().join());

  await anna.click("Share screen");
  await bert.seesOthers(2);
  await bert.hears(2);
  assert.equal(await sources(), "camera,microphone,screen,screen-audio");
  await anna.page.evaluate(() => {
    const [picture] = window.screens[0].getVideoTracks();
    picture.stop();
    picture.dispatchEvent(new Event("ended"));
  });
  await eventually("both are gone", async () => (await sources()) === "camera,microphone");
  assert.equal(await anna.page.evaluate(() => window.screens[0].getTracks().every((t) => t.readyState === "ended")), true);
  await eventually("the page says so", async () => (await anna.page.locator(".sharing").count()) === 0);

  // Where the sound is refused, no still picture stays behind.
  await anna.page.evaluate(() => {
    const { room } = window.switchyard;
    const publish = room.publish.bind(room);
    room.publish = (media, options) => (options.source === "screen-audio" ? Promise.reject(new Error("No more tracks.")) : publish(media, options));
  });
  await anna.click("Share screen");
  await anna.hasRead(/No more tracks\./);
  await eventually("nothing of the screen is left", async () => (await sources()) === "camera,microphone");
  assert.equal(await anna.page.evaluate(() => window.screens[1].getTracks().every((t) => t.readyState === "ended")), true);

  // A camera that was just plugged in, and cannot be opened: the one before goes on, with a word.
  await anna.page.evaluate(() => {
    const list = navigator.mediaDevices.enumerateDevices.bind(navigator.mediaDevices);
    const plugged = { deviceId: "plugged", groupId: "", kind: "videoinput", label: "Plugged camera" };
    navigator.mediaDevices.enumerateDevices = async () => [...(await list()), plugged];
    navigator.mediaDevices.dispatchEvent(new Event("devicechange"));
  });
  await anna.click("Choose camera");
  await anna.click("Plugged camera");
  await anna.hasRead(/Plugged camera cannot be used\. Using fake_device_0 instead\./);
  await bert.seesOthers(1);
});
