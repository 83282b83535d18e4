// The ends of e2e/gates/transfer.mjs that are Chromiums: pages that use the SDK, with nothing behind them that stores.

import { readdirSync, readFileSync } from "node:fs";
import { Chromium } from "../harness/browsers.mjs";
import { eventually } from "../harness/wait.mjs";
import { bare, incoming, outgoing, receive as receivePage, send as sendPage } from "../harness/transfer.mjs";

const within = 600_000; // ms
const every = 250; // ms between looks at a page

/** A page of a browser of its own, whose processes' CPU time can be read. */
export class Page {
  static async open({ server, namespace, name }) {
    const p = new Page();
    const before = new Set(processes().map((o) => o.pid));
    p.browser = await Chromium.start({ namespace, origin: server.url });
    p.person = await p.browser.person(name);
    await bare(p.person, server);
    p.pids = processes().filter((o) => !before.has(o.pid) && o.command.includes("chrom")).map((o) => o.pid);
    p.begin();
    return p;
  }

  /** CPU time counts from here: what was made to be sent does not. */
  begin() {
    this.begun = this.#seconds();
  }

  /** The link under which the page sends a file of so many bytes. */
  async send(bytes) {
    const { link } = await sendPage(this.person, { items: [["file.bin", bytes, 1]] });
    this.begin();
    return link;
  }

  /** Receives to the end: the seconds of data, how many bytes came in them, and the way. */
  async receive(link) {
    await receivePage(this.person, { link, disk: { throwAway: true } });
    // The page keeps the time itself: to be asked often would be a part of what it costs.
    await this.person.page.evaluate(() => {
      const { incoming } = window;
      const clock = (window.clock = {});
      incoming.on("change", () => {
        if (!(incoming.verified > (clock.last?.verified ?? 0))) return;
        clock.last = { at: performance.now(), verified: incoming.verified };
        clock.first ??= clock.last;
      });
    });
    let way;
    await eventually("the page has everything", async () => {
      const now = await incoming(this.person);
      if (now.state === "ended") throw Object.assign(new Error(JSON.stringify(now.error)), { final: true });
      way = now.way?.kind ?? now.way ?? way;
      return now.state === "complete";
    }, { within, every });
    const { first, last } = await this.person.page.evaluate(() => window.clock);
    return { way, share: last.verified - first.verified, seconds: (last.at - first.at) / 1000 };
  }

  /** Waits until the other end said that it has everything. */
  async sent() {
    await eventually("the page has sent everything", async () => {
      const now = await outgoing(this.person);
      if (now.error) throw Object.assign(new Error(JSON.stringify(now.error)), { final: true });
      return now.state === "complete" || now.receivers.some((r) => r.state === "complete");
    }, { within, every });
  }

  /** Sends so many bytes to another page by a bare DataChannel, and nothing is done with them: the floor. Resolves with
   * the bytes and seconds between the first message and the last. */
  async pour(into, bytes) {
    const [from, to] = [this.person.page, into.person.page];
    const offer = await from.evaluate(offerBare);
    await from.evaluate(takeBare, await to.evaluate(answerBare, offer));
    this.begin();
    into.begin();
    await from.evaluate(pourBare, bytes);
    return eventually("all has come", () => to.evaluate((bytes) => {
      const { got, share, first, last } = window.poured;
      return got >= bytes && { share, seconds: (last - first) / 1000 };
    }, bytes), { within, every });
  }

  /** CPU seconds since it began. */
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

// ---- what runs in bare pages ----

async function offerBare() {
  const link = (window.bareLink = new RTCPeerConnection());
  window.bareChannel = link.createDataChannel("bare");
  await link.setLocalDescription();
  while (link.iceGatheringState !== "complete") await new Promise((go) => (link.onicegatheringstatechange = go));
  return link.localDescription.sdp;
}

async function answerBare(sdp) {
  const link = (window.bareLink = new RTCPeerConnection());
  const poured = (window.poured = { got: 0, share: 0 });
  link.ondatachannel = ({ channel }) => {
    channel.binaryType = "arraybuffer";
    channel.onmessage = ({ data }) => {
      poured.last = performance.now();
      if (poured.first === undefined) poured.first = poured.last;
      else poured.share += data.byteLength;
      poured.got += data.byteLength;
    };
  };
  await link.setRemoteDescription({ type: "offer", sdp });
  await link.setLocalDescription();
  while (link.iceGatheringState !== "complete") await new Promise((go) => (link.onicegatheringstatechange = go));
  return link.localDescription.sdp;
}

async function takeBare(sdp) {
  const { bareLink: link, bareChannel: channel } = window;
  await link.setRemoteDescription({ type: "answer", sdp });
  if (channel.readyState !== "open") await new Promise((go) => (channel.onopen = go));
}

async function pourBare(bytes) {
  const channel = window.bareChannel;
  channel.bufferedAmountLowThreshold = 1 << 20;
  const message = crypto.getRandomValues(new Uint8Array(65_536));
  for (let sent = 0; sent < bytes; ) {
    const n = Math.min(message.length, bytes - sent);
    channel.send(message.subarray(0, n));
    sent += n;
    if (channel.bufferedAmount > 4 << 20) await new Promise((go) => (channel.onbufferedamountlow = go));
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
