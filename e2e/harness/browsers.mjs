// The two browsers, as Debian packages them, with fake cameras and microphones.

import { chromium } from "playwright-core";
import puppeteer from "puppeteer-core";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Person } from "./person.mjs";
import { patience } from "./wait.mjs";

const probe = readFileSync(path.join(path.dirname(fileURLToPath(import.meta.url)), "probe.js"), "utf8");

function find(...paths) {
  const found = paths.find((p) => existsSync(p));
  if (!found) throw new Error(`${paths[0]} is missing: run scripts/setup --test`);
  return found;
}

const flags = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--use-fake-device-for-media-stream=fps=30",
  "--use-fake-ui-for-media-stream", "--autoplay-policy=no-user-gesture-required",
  "--disable-background-timer-throttling", "--disable-renderer-backgrounding",
  "--disable-backgrounding-occluded-windows",
];
const onLoopback = ["--allow-loopback-in-peer-connection", "--disable-features=WebRtcHideLocalIpsWithMdns"];

export class Chromium {
  /** `namespace` runs it there; `origin` is a plain-HTTP origin that may use the camera; `display` is an X server that shows it. */
  static async start({ namespace, origin, display, args = [] } = {}) {
    const c = new Chromium();
    c.people = [];
    c.dir = mkdtempSync(path.join(tmpdir(), "switchyard-chromium-"));
    let executablePath = find("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome");
    if (namespace) {
      const [command, words] = namespace.wrap(executablePath, []);
      executablePath = path.join(c.dir, "chromium");
      writeFileSync(executablePath, `#!/bin/sh\nexec ${command} ${words.join(" ")} "$@"\n`);
      chmodSync(executablePath, 0o755);
    }
    const more = namespace ? [] : onLoopback;
    if (origin) more.push(`--unsafely-treat-insecure-origin-as-secure=${origin}`);
    c.browser = await chromium.launch({ executablePath, args: [...flags, ...more, ...args], handleSIGINT: false, timeout: patience,
      ...(display && { headless: false, env: { ...process.env, DISPLAY: display } }) });
    return c;
  }

  /** A new person with storage of their own. */
  async person(name) {
    const context = await this.browser.newContext({ viewport: { width: 800, height: 600 }, permissions: ["camera", "microphone"] });
    context.setDefaultTimeout(patience);
    await context.addInitScript({ content: probe });
    const person = new Person(await context.newPage(), name);
    this.people.push(person);
    return person;
  }

  async close() {
    await this.browser.close();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

export class Firefox {
  static async start() {
    const f = new Firefox();
    f.people = [];
    f.browser = await puppeteer.launch({
      browser: "firefox",
      executablePath: find("/usr/bin/firefox-esr", "/usr/bin/firefox"),
      headless: true,
      timeout: patience,
      extraPrefsFirefox: {
        "media.navigator.streams.fake": true,
        "media.navigator.permission.disabled": true,
        "media.peerconnection.ice.loopback": true,
        "media.peerconnection.ice.obfuscate_host_addresses": false,
        "media.autoplay.default": 0,
        "media.autoplay.blocking_policy": 0,
        // No downloads and no reports of its own.
        "media.gmp-manager.updateEnabled": false,
        "datareporting.policy.dataSubmissionEnabled": false,
        "app.update.enabled": false,
      },
    });
    return f;
  }

  async person(name) {
    const context = await this.browser.createBrowserContext();
    const page = await context.newPage();
    page.setDefaultTimeout(patience);
    await page.setViewport({ width: 800, height: 600 });
    await page.evaluateOnNewDocument(probe);
    const person = new Person(page, name);
    this.people.push(person);
    return person;
  }

  async close() {
    await this.browser.close();
  }
}
