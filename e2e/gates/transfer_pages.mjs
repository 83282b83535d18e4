// The ends of e2e/gates/transfer.mjs that are Chromiums: pages that use the SDK, with nothing behind them that stores.

import { readdirSync, readFileSync } from "node:fs";
import { Chromium } from "../harness/browsers.mjs";
import { eventually } from "../harness/wait.mjs";
import { bare, incoming, outgoing, receive as receivePage, send as sendPage } from "../harness/transfer.mjs";

const within = 600_000;

/** A page of a browser of its own, whose processes' CPU time can be read. */
export class Page {
  static async open({ server, namespace, name }) {
    const p = new Page();
    const before = new Set(processes().map((o) => o.pid));
    p.browser = await Chromium.start({ namespace, origin: server.url });
    p.person = await p.browser.person(name);
    await bare(p.person, server);
    p.pids = processes().filter((o) => !before.has(o.pid) && o.command.includes("chrom")).map((o) => o.pid);
    p.begun = p.#seconds();
    return p;
  }

  /** The link under which the page sends a file of so many bytes. */
  async send(bytes) {
    const { link } = await sendPage(this.person, { items: [["file.bin", bytes, 1]] });
    return link;
  }

  /** Receives to the end: the seconds of data, how many bytes came in them, and the way. */
  async receive(link) {
    await receivePage(this.person, { link, disk: { throwAway: true } });
    let first, last, way;
    await eventually("the page has everything", async () => {
      const now = await incoming(this.person);
      if (now.state === "ended") throw Object.assign(new Error(JSON.stringify(now.error)), { final: true });
      way = now.way?.kind ?? now.way ?? way;
      if (now.verified > 0) {
        last = { at: performance.now(), verified: now.verified };
        first ??= last;
      }
      return now.state === "complete";
    }, { within, every: 50 });
    return { way, share: last.verified - first.verified, seconds: (last.at - first.at) / 1000 };
  }

  /** Waits until the other end said that it has everything. */
  async sent() {
    await eventually("the page has sent everything", async () => {
      const now = await outgoing(this.person);
      if (now.error) throw Object.assign(new Error(JSON.stringify(now.error)), { final: true });
      return now.state === "complete" || now.receivers.some((r) => r.state === "complete");
    }, { within, every: 50 });
  }

  /** CPU seconds since the page stood. */
  cpu() {
    return this.#seconds() - this.begun;
  }

  #seconds() {
    return this.pids.reduce((sum, pid) => sum + secondsOf(pid), 0);
  }

  close() {
    return this.browser.close();
  }
}

const ticks = 100; // of the kernel a second

function secondsOf(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /, "").split(" ");
    return (Number(fields[11]) + Number(fields[12])) / ticks;
  } catch {
    return 0; // it has ended
  }
}

function processes() {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).flatMap((pid) => {
    try {
      return [{ pid, command: readFileSync(`/proc/${pid}/comm`, "utf8") }];
    } catch {
      return [];
    }
  });
}
