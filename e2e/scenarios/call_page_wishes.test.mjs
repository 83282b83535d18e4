import assert from "node:assert/strict";
import { scenario } from "../harness/scenario.mjs";
import { eventually } from "../harness/wait.mjs";

/** Frames that arrived by now, of all video. */
async function received(person) {
  const { inbound } = await person.stats();
  return inbound.filter((s) => s.kind === "video").reduce((n, s) => n + s.packetsReceived, 0);
}

/** The last wishes that the page told the server. */
function wishes(person) {
  return person.page.evaluate(() => window.subscribes.at(-1));
}

/** Waits until the tiles of this many others show their pictures (not all clips move enough to be seen to). */
async function shows(person, count) {
  await eventually(`${count} tiles of others have a picture`, async () => {
    const tiles = await person.page.evaluate(() => [...document.querySelectorAll(".stage .tile[data-visible=true]")].map((t) => t.dataset.participant));
    const me = await person.me();
    const others = tiles.filter((t) => t !== me);
    if (others.length !== count) throw new Error(`${others.length}`);
    return true;
  });
}

scenario("what nobody looks at is not sent, what is small is wished small", async (stage) => {
  const server = await stage.server();
  const link = await server.invite();
  const chromium = await stage.chromium();
  const anna = await chromium.person("anna");
  await anna.page.addInitScript(() => {
    window.subscribes = [];
    const send = WebSocket.prototype.send;
    WebSocket.prototype.send = function (text) {
      const { type, body } = JSON.parse(text);
      if (type === "subscribe") window.subscribes.push(body);
      return send.call(this, text);
    };
  });
  await anna.page.setViewportSize({ width: 390, height: 844 });
  stage.switchyard(["publish", "--data", server.data, "--room", "test", "--copies", "14"], "crowd");
  await anna.join(link);

  // A phone has ten tiles on a page: nine others and one's own.
  const first = await eventually("the page wishes nine", async () => {
    const w = await wishes(anna);
    return w?.wishes.length === 9 && w;
  });
  assert.equal(first.sound, true);
  assert.equal(first.auto, undefined, "nothing else comes");
  assert.ok(first.wishes.every((w) => w.width > 0 && w.width <= 208 && w.height <= 144), JSON.stringify(first.wishes));
  await shows(anna, 9);

  await anna.click("Next page");
  const second = await eventually("the second page wishes the other five", async () => {
    const w = await wishes(anna);
    return w.wishes.length === 5 && w;
  });
  const before = new Set(first.wishes.map((w) => w.track));
  assert.ok(second.wishes.every((w) => !before.has(w.track)));
  await shows(anna, 5);

  // One large, the others in a strip: only those that are scrolled into view.
  await anna.page.keyboard.press("l");
  await anna.page.keyboard.press("l");
  const large = await eventually("one is wished large and first", async () => {
    const w = await wishes(anna);
    return w.wishes[0]?.pinned && w.wishes.length > 1 && w.wishes.length < 8 && w;
  });
  assert.ok(large.wishes[0].width >= 360 && large.wishes[1].width <= 144, JSON.stringify(large.wishes));

  // In another tab: no video at all, and it comes back.
  const show = (state) => anna.page.evaluate((s) => {
    Object.defineProperty(document, "visibilityState", { value: s, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, state);
  await show("hidden");
  await eventually("nothing is wished", async () => (await wishes(anna)).wishes.length === 0);
  let last = -1;
  await eventually("no video arrives, and sound does", async () => {
    const now = await received(anna);
    const still = now === last;
    last = now;
    return still;
  }, { every: 1000 });
  await anna.hears(1);
  await show("visible");
  await eventually("video is wished again", async () => (await wishes(anna)).wishes.length > 1);
  await eventually("and seen", async () => (await anna.tiles()).some((t) => t.motion > 0.002));
});

scenario("picture in picture goes on while the page is hidden", async (stage) => {
  const server = await stage.server();
  const link = await server.invite();
  const chromium = await stage.chromium();
  const anna = await chromium.person("anna");
  const bert = await chromium.person("bert");
  await anna.join(link);
  await bert.join(link);
  await anna.seesOthers(1);
  const small = () => anna.page.evaluate(() => {
    const video = window.documentPictureInPicture.window?.document.querySelector("video");
    return video ? { opacity: video.style.opacity, frames: video.getVideoPlaybackQuality().totalVideoFrames } : null;
  });

  await anna.click("More");
  await anna.click("Picture in picture");
  await eventually("the small window shows bert", async () => (await small())?.opacity === "1");
  await anna.page.evaluate(() => {
    const send = WebSocket.prototype.send;
    WebSocket.prototype.send = function (text) {
      const { type, body } = JSON.parse(text);
      if (type === "subscribe") window.wished = body.wishes;
      return send.call(this, text);
    };
    Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await eventually("only the small window's size is wished", () => anna.page.evaluate(() => window.wished?.length === 1 && window.wished[0].width <= 800));
  const { frames } = await small();
  await eventually("and it plays on", async () => (await small()).frames > frames + 20);
  await anna.click("More");
  await anna.click("Close the small window");
  await eventually("it is closed", async () => (await small()) === null);
});
