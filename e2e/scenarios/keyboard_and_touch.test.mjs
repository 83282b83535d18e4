import assert from "node:assert/strict";
import { settled } from "../harness/axe.mjs";
import { scenario } from "../harness/scenario.mjs";
import { eventually } from "../harness/wait.mjs";

const phone = { width: 390, height: 844 };
const focused = (person) => person.page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.tagName ?? "");
const focusIs = (person, what) => eventually(`the focus is on ${what}`, async () => {
  const now = await focused(person);
  if (now !== what) throw new Error(now);
  return true;
});

/** Presses Tab until it comes to a control of that name. */
async function tabTo(person, name, most = 40) {
  for (let i = 0; i < most; i++) {
    await person.page.keyboard.press("Tab");
    if ((await focused(person)) === name) return;
  }
  assert.fail(`Tab never comes to ${name}`);
}

/** Presses the button that has the focus, and Escape as soon as its panel is there: before a frame is drawn. */
async function openAndCloseInOneFrame(person) {
  await person.page.evaluate(async () => {
    document.activeElement.click();
    for (let i = 0; i < 100 && !document.querySelector("aside.panel"); i++) await Promise.resolve();
    document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
    if (document.activeElement.closest("aside.panel") === null) throw new Error("the panel had not taken the focus");
  });
}

scenario("in a call by keyboard: the focus is never lost", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const kim = await chromium.person("kim");
  await kim.join(await server.invite({ more: ["--role", "host"] }));
  const { keyboard } = kim.page;

  await tabTo(kim, "More");
  await keyboard.press("Enter");
  await focusIs(kim, "BUTTON"); // the first item
  await keyboard.press("Escape");
  await focusIs(kim, "More");

  await tabTo(kim, "Leave");
  await keyboard.press("Shift+Tab");
  await keyboard.press("Shift+Tab");
  await focusIs(kim, "Chat");
  await keyboard.press("Enter");
  await focusIs(kim, "Message to everyone");
  await keyboard.press("Escape");
  await focusIs(kim, "Chat");
  await openAndCloseInOneFrame(kim);
  await focusIs(kim, "Chat");

  await keyboard.press("p");
  await focusIs(kim, "Participants");
  await keyboard.press("Escape");
  await focusIs(kim, "Chat");

  await keyboard.press("?");
  await focusIs(kim, "Close");
  for (let i = 0; i < 6; i++) {
    await keyboard.press("Tab");
    assert.ok(await kim.page.evaluate(() => !document.activeElement || document.activeElement === document.body || Boolean(document.activeElement.closest("dialog"))), "the dialog keeps the focus");
  }
  await keyboard.press("Escape");
  await focusIs(kim, "Chat");

  // What has the focus shows it.
  const ring = await kim.page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.equal(ring, "solid");

  // Held to speak, and the window loses the keyboard: the microphone goes off again.
  await keyboard.press("m");
  const microphone = () => kim.page.evaluate(() => window.switchyard.room.localTracks.find((t) => t.kind === "audio")?.muted);
  await eventually("the microphone is off", microphone);
  await kim.page.evaluate(() => document.activeElement.blur());
  await keyboard.down(" ");
  await eventually("it is on while the space bar is held", async () => (await microphone()) === false);
  await kim.page.evaluate(() => window.dispatchEvent(new Event("blur")));
  await eventually("it is off again", microphone);
});

scenario("on a phone all can be touched, and what a panel covers asks for nothing", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const pia = await chromium.person("pia");
  await pia.page.setViewportSize(phone);
  await pia.page.goto(server.url);
  await pia.reads(/start a room/i);
  await touchable(pia, "home");
  await pia.page.goto(await server.invite({ more: ["--role", "host"] }));
  await pia.reads(/test sound/i);
  await touchable(pia, "lobby");
  await pia.introduce();
  await pia.click("Join");
  await pia.connected();
  const bert = await chromium.person("bert");
  await bert.join(await server.invite());
  const [{ track }] = await pia.seesOthers(1);
  await touchable(pia, "call");

  const slot = () => pia.page.evaluate((t) => Boolean(window.switchyard.room.slot(t)), track);
  await pia.page.keyboard.press("p");
  await pia.reads(/participants \(2\)/i);
  await touchable(pia, "participants");
  assert.equal(await pia.page.evaluate(() => Boolean(document.querySelector(".controls").closest("[inert]"))), true);
  await eventually("the picture that is covered is not asked for", async () => !(await slot()));
  await pia.page.keyboard.press("Escape");
  await pia.seesOthers(1);
  await pia.click("More");
  await pia.click("Invite people");
  await pia.reads(/scan it with a phone/i);
  await touchable(pia, "invitation");
});

/** Everything to be touched has 44 px both ways, but links in a text (WCAG 2.5.5, 2.5.8). */
async function touchable(person, where) {
  const small = await eventually(`${where} stands still`, async () => {
    await settled(person.page);
    const [a, b] = [await tooSmall(person), await tooSmall(person)];
    return a.join() === b.join() && { list: a };
  });
  assert.deepEqual(small.list, [], `${where}: too small for a finger`);
}

function tooSmall(person) {
  return person.page.evaluate(() => {
    const seen = (e) => e.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && !e.closest("[inert]");
    const all = [...document.querySelectorAll("button, select, summary, [role=button], a, label:has(input[type=checkbox])")].filter(seen);
    const boxes = all.filter((e) => !(e.tagName === "A" && e.closest("p"))).map((e) => [e, e.getBoundingClientRect()]);
    return boxes.filter(([, r]) => r.width > 0 && (r.width < 43.5 || r.height < 43.5)).map(([e, r]) => `${e.ariaLabel || e.textContent} ${Math.round(r.width)}x${Math.round(r.height)}`);
  });
}

scenario("who goes back from the lobby leaves no camera on", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const lou = await chromium.person("lou");
  await lou.page.addInitScript(() => {
    window.opened = [];
    const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (wanted) => {
      const stream = await open(wanted);
      window.opened.push(...stream.getTracks());
      return stream;
    };
  });
  await lou.page.goto(server.url);
  await lou.click("Start a room");
  await eventually("camera and microphone are on", () => lou.page.evaluate(() => window.opened.length === 2 && window.opened.every((t) => t.readyState === "live")));
  await lou.page.goBack();
  await lou.reads(/start a room/i);
  await eventually("both are off", () => lou.page.evaluate(() => window.opened.length === 2 && window.opened.every((t) => t.readyState === "ended")));
});
