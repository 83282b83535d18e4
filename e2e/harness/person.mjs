// Someone in front of a page: what they do and what they see. Works with pages of Playwright and of
// Puppeteer, which agree on goto, evaluate, evaluateHandle, screenshot and keyboard.

import assert from "node:assert/strict";
import path from "node:path";
import { out } from "./process.mjs";
import { eventually, patience } from "./wait.mjs";

export class Person {
  constructor(page, name) {
    this.page = page;
    this.name = name;
    this.errors = [];
    this.allowed = [];
    page.on("console", (m) => {
      if (m.type() === "error") this.errors.push(`console: ${m.text()}`);
    });
    page.on("pageerror", (err) => this.errors.push(`page: ${err.message}`));
  }

  /** Errors that match are part of the scenario, such as refused connections while the server is away. */
  expectErrors(...patterns) {
    this.allowed.push(...patterns);
  }

  faults() {
    return this.errors.filter((e) => !this.allowed.some((p) => p.test(e))).map((e) => `${this.name}: ${e}`);
  }

  /** Clicks a button by its accessible name, as a person: with user activation. */
  async click(name) {
    await eventually(`${this.name} finds the button ${name}`, async () => {
      const handle = await this.page.evaluateHandle((n) => window.probe.button(n), name);
      const element = handle.asElement();
      if (!element) throw new Error(`the buttons are ${JSON.stringify(await this.page.evaluate(() => window.probe.buttons()))}`);
      await element.click();
      return true;
    });
  }

  /** Writes into the visible text field, or that which a selector chooses. */
  async fill(text, which = "input") {
    await eventually(`${this.name} finds a text field`, async () => {
      const handle = await this.page.evaluateHandle((w) => window.probe.field(w), which);
      const element = handle.asElement();
      if (!element) return false;
      await element.evaluate((e) => e.select());
      await element.focus();
      await this.page.keyboard.type(text);
      return true;
    });
  }

  /** Gives the name in the lobby, once it is there: the page before may have a text field, too. */
  introduce() {
    return this.fill(this.name, "#name");
  }

  /** Opens an invitation, gives the name, and is in the room. */
  async join(link, { codec = "", camera } = {}) {
    if (codec) await this.page.evaluateOnNewDocument?.((c) => window.probe.prefer(c), codec);
    if (codec) await this.page.addInitScript?.((c) => window.probe.prefer(c), codec);
    if (camera) await this.page.addInitScript((c) => window.probe.film(c), camera);
    await this.page.goto(link);
    await this.introduce();
    await this.click("Join");
    await this.connected();
  }

  /** The own participant id, "" before the room is joined. */
  me() {
    return this.page.evaluate(() => String(window.switchyard?.room?.you ?? ""));
  }

  /** "connected" where both signalling and media are, else what they are. */
  state() {
    return this.page.evaluate(() => {
      const room = window.switchyard?.room;
      if (!room) return "no room";
      return room.state === room.mediaState ? room.state : `${room.state}, media ${room.mediaState}`;
    });
  }

  async connected() {
    await eventually(`${this.name} is connected`, async () => {
      const state = await this.state();
      if (state !== "connected") throw new Error(state);
      return true;
    }, { every: 50 });
  }

  /** Publishes a moving picture of the page's own, beside the camera. Returns the track's id. */
  publishCanvas(label, source = "file") {
    return this.page.evaluate(async ([label, source]) => {
      const canvas = document.createElement("canvas");
      canvas.width = 160;
      canvas.height = 90;
      const g = canvas.getContext("2d");
      let n = 0;
      const timer = setInterval(() => {
        g.fillStyle = "#fff";
        g.fillRect(0, 0, 160, 90);
        g.fillStyle = "#06c";
        g.fillRect((n++ * 7) % 160, 0, 50, 90);
      }, 66);
      const [media] = canvas.captureStream(15).getVideoTracks();
      const local = await window.switchyard.room.publish(media, { source, label });
      (window.canvases ??= new Map()).set(local.info.id, { local, media, timer });
      return local.info.id;
    }, [label, source]);
  }

  unpublishCanvas(id) {
    return this.page.evaluate(async (id) => {
      const { local, media, timer } = window.canvases.get(id);
      window.canvases.delete(id);
      clearInterval(timer);
      await local.unpublish();
      media.stop();
    }, id);
  }

  /** Keeps what the room tells from now on: told() reads it. */
  listen(...events) {
    return this.page.evaluate((events) => {
      window.told = [];
      const strip = (v) => (v === undefined ? null : JSON.parse(JSON.stringify(v instanceof Error ? v.message : v)));
      for (const event of events) {
        window.switchyard.room.on(event, (...args) => window.told.push([event, ...args.map(strip)]));
      }
    }, events);
  }

  told() {
    return this.page.evaluate(() => window.told);
  }

  tiles(ms) {
    return this.page.evaluate((t) => window.probe.tiles(t), ms);
  }

  stats() {
    return this.page.evaluate(() => window.probe.stats());
  }

  /** Waits until the tiles of this many video tracks of others show moving pictures. */
  async seesOthers(count, { within = patience, from } = {}) {
    const me = await this.me();
    return eventually(`${this.name} sees ${count} moving pictures of others`, async () => {
      const tiles = await this.tiles();
      const others = tiles.filter((t) => t.kind === "video" && t.participant !== me && (!from || t.participant === from));
      const moving = others.filter((t) => t.motion > 0.002 && t.contrast > 30);
      if (moving.length !== count) throw new Error(JSON.stringify(others.map(({ text, ...t }) => t)));
      return moving;
    }, { within });
  }

  /** Waits until this many receivers carry sound. */
  async hears(count) {
    return eventually(`${this.name} hears ${count} others`, async () => {
      const heard = await this.page.evaluate((enough) => window.probe.loudness(2500, enough), count);
      const loud = heard.filter((h) => h.peak > 0.01);
      if (loud.length < count) throw new Error(JSON.stringify(heard.filter((h) => h.peak > 0)));
      return loud;
    });
  }

  /** Received video tracks that decode frames, by mid. */
  async decoding() {
    const { inbound } = await this.stats();
    return inbound.filter((s) => s.kind === "video" && s.framesDecoded > 0);
  }

  /** How many pictures the camera has encoded, of the layer that it sent most of. */
  async encoded() {
    const { outbound } = await this.stats();
    return Math.max(0, ...outbound.filter((s) => s.kind === "video").map((s) => s.framesEncoded));
  }

  async screenshot(name) {
    await this.page.screenshot({ path: path.join(out, `${name}.png`) });
  }

  /** Keeps every text that comes up on the page from now on, however briefly it stays: hasRead() looks there. */
  remember() {
    return this.page.evaluate(() => {
      window.remembered = [];
      new MutationObserver((all) => {
        for (const { type, target, addedNodes } of all) {
          for (const node of type === "characterData" ? [target] : addedNodes) window.remembered.push(node.textContent);
        }
      }).observe(document.body, { childList: true, characterData: true, subtree: true });
    });
  }

  /** Waits until a text has come up since remember(), and may have gone again. */
  async hasRead(pattern) {
    await eventually(`${this.name} has read ${pattern}`, async () => {
      const all = await this.page.evaluate(() => window.remembered);
      assert.match(all.join("\n"), pattern);
      return true;
    });
  }

  async reads(pattern) {
    await eventually(`${this.name} reads ${pattern}`, async () => {
      const text = await this.page.evaluate(() => window.probe.text());
      assert.match(text, pattern);
      return true;
    });
  }
}
