// The ends of e2e/gates/transfer.mjs that are Chromiums: pages that use the SDK, with nothing behind them that stores.

import { Chromium } from "../harness/browsers.mjs";
import { children, command, family, used } from "../harness/proc.mjs";
import { eventually } from "../harness/wait.mjs";
import { bare, incoming, outgoing, receive as receivePage, send as sendPage } from "../harness/transfer.mjs";
import { bounded } from "./transfer_ends.mjs";

const every = 250; // ms between looks at a page

/** A page of a browser of its own, whose processes' CPU time can be read. */
export class Page {
  static async open({ server, namespace, name, lanes }) {
    const p = new Page();
    const before = new Set(children(process.pid).map((o) => o.pid));
    p.browser = await Chromium.start({ namespace, origin: server.url });
    p.main = children(process.pid).find(({ pid }) => !before.has(pid) && command(pid).includes("--user-data-dir="))?.pid;
    if (!p.main) throw new Error("the browser's process is not found");
    p.person = await p.browser.person(name);
    await bare(p.person, server);
    if (lanes === "DataChannels") await p.person.page.evaluate(() => delete window.WebTransport);
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

  /** Receives for so many ms at most: the bytes, the seconds between its yes and the last of them, and the way. */
  async receive(link, within) {
    await receivePage(this.person, { link, disk: { throwAway: true } });
    // The page keeps the time itself: to be asked often would be a part of what it costs.
    await this.person.page.evaluate(() => {
      const { incoming } = window;
      const clock = (window.clock = { share: 0 });
      incoming.on("change", () => {
        if (incoming.total > 0) clock.first ??= performance.now();
        if (!(incoming.verified > clock.share)) return;
        clock.share = incoming.verified;
        clock.last = performance.now();
      });
    });
    const soFar = async () => {
      const { share, first, last } = await this.person.page.evaluate(() => window.clock);
      return { share, seconds: ((last ?? first) - first) / 1000 };
    };
    let way;
    const all = eventually("the page has everything", async () => {
      const now = await incoming(this.person);
      if (now.state === "ended") throw Object.assign(new Error(JSON.stringify(now.error)), { final: true });
      way = now.way?.kind ?? now.way ?? way;
      return now.state === "complete";
    }, { within: 2 * within, every }).then(soFar);
    const got = await bounded(all, soFar, within);
    return { ...got, way };
  }

  /** Waits until the other end said that it has everything. */
  async sent() {
    await eventually("the page has sent everything", async () => {
      const now = await outgoing(this.person);
      if (now.error) throw Object.assign(new Error(JSON.stringify(now.error)), { final: true });
      return now.state === "complete" || now.receivers.some((r) => r.state === "complete");
    }, { every });
  }

  /** Sends so many bytes to another page by a bare DataChannel, and nothing is done with them: the floor. */
  async pour(into, bytes, within) {
    const [from, to] = [this.person.page, into.person.page];
    const offer = await from.evaluate(offerBare);
    await from.evaluate(takeBare, await to.evaluate(answerBare, offer));
    this.begin();
    into.begin();
    const soFar = () => to.evaluate(() => {
      const { got, share, first, last } = window.poured;
      return { got, share, seconds: (last - first) / 1000 };
    });
    const poured = from.evaluate(pourBare, bytes).catch((e) => e);
    const all = eventually("all has come", async () => {
      const now = await soFar();
      return now.got >= bytes && now;
    }, { within: 2 * within, every });
    const got = await bounded(all, soFar, within);
    if (!got.cut) await poured;
    return got;
  }

  /** CPU seconds since it began. */
  cpu() {
    return this.#seconds() - this.begun;
  }

  #seconds() {
    return used(family(this.main));
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
