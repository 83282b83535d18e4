// A scenario: a test that owns what it starts, and fails on any error that a page or the server
// showed, whatever else went well.

import { test } from "node:test";
import { Chromium, Firefox } from "./browsers.mjs";
import { Wire } from "./namespace.mjs";
import { Process, binary } from "./process.mjs";
import { Proxy } from "./proxy.mjs";
import { Server } from "./server.mjs";

class Stage {
  constructor(name) {
    this.name = name;
    this.slug = name.replace(/[^a-z0-9]+/gi, "_").toLowerCase();
    this.things = [];
  }

  keep(thing) {
    this.things.push(thing);
    return thing;
  }

  async server(options = {}) {
    return this.keep(await Server.start({ log: `${this.slug}-server`, ...options }));
  }

  async chromium(options) {
    return this.keep(await Chromium.start(options));
  }

  async firefox() {
    return this.keep(await Firefox.start());
  }

  async proxy(port) {
    return this.keep(await Proxy.start(port));
  }

  async wire(options) {
    return this.keep(await Wire.make(options));
  }

  /** Another program of the scenario; it is ended with it. */
  process(command, args, log = "process", options = {}) {
    const p = new Process(command, args, { log: `${this.slug}-${log}`, ...options });
    this.keep({ close: () => p.stop({ signal: "SIGINT" }).catch(() => p.stop({ signal: "SIGKILL" })) });
    return p;
  }

  /** One of our own verbs. */
  switchyard(args, log = args[0], options) {
    return this.process(binary, args, log, options);
  }

  faults() {
    return this.things.flatMap((t) => [...(t.faults?.() ?? []), ...(t.people ?? []).flatMap((p) => p.faults())]);
  }

  async close(failed) {
    const problems = this.faults();
    for (const p of this.things.flatMap((t) => t.people ?? [])) {
      if (failed) await p.screenshot(`${this.slug}-failed-${p.name}`).catch(() => {});
    }
    for (const thing of this.things.reverse()) {
      await thing.close().catch((err) => problems.push(String(err.message ?? err)));
    }
    return problems;
  }
}

/** Declares a scenario. Its end is bounded, for one that hangs: `within` milliseconds. */
export function scenario(name, body, { within = 300_000 } = {}) {
  test(name, { timeout: within + 20_000 }, async () => {
    const stage = new Stage(name);
    let error, timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`the scenario took longer than ${within / 1000} s`)), within);
    });
    try {
      const done = body(stage);
      done.catch(() => {}); // a late body fails on what was closed under it: that is not news
      await Promise.race([done, late]);
    } catch (err) {
      error = err;
    }
    clearTimeout(timer);
    const problems = await stage.close(Boolean(error));
    if (error) {
      if (problems.length > 0) error.message += `\nalso:\n${problems.join("\n")}`;
      throw error;
    }
    if (problems.length > 0) throw new Error(problems.join("\n"));
  });
}
