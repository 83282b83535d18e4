// The slots gate: one Chromium page with 9 pairs of slots, a crowd of 30 publishers, and every two
// seconds another of them on one of the nine tiles, for five minutes. It prints what it measured as
// JSON and ends with 1 where a limit of docs/slots.md is broken.
//
// A host that takes the processor away stops the page's sound for as long; the browser then corrects it
// over seconds. The flashes that are far from such moments are told apart, to explain a failure; the limits
// are for all.
//
//   node e2e/gates/slots.mjs [--minutes 5] [--publishers 30] [--pairs 9]

import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { Chromium } from "../harness/browsers.mjs";
import { Process, binary } from "../harness/process.mjs";
import { Server } from "../harness/server.mjs";
import { eventually } from "../harness/wait.mjs";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "5" },
    publishers: { type: "string", default: "30" },
    pairs: { type: "string", default: "9" },
  },
});
const minutes = Number(values.minutes), publishers = Number(values.publishers), pairs = Number(values.pairs);
const room = "gate";
const disturbance = 0.05; // of a second's processor time, taken by the host
const recovery = 10_000; // ms

/** Notes the seconds in which the host took the processor (`steal` in /proc/stat). */
class Host {
  #taken = []; // ms since 1970
  #last = this.#read();
  #timer = setInterval(() => this.#look(), 1000);

  #read() {
    const times = readFileSync("/proc/stat", "utf8").split("\n")[0].split(/\s+/).slice(1).map(Number);
    return { steal: times[7], all: times.slice(0, 8).reduce((a, b) => a + b) };
  }

  #look() {
    const now = this.#read();
    if (now.steal - this.#last.steal > disturbance * (now.all - this.#last.all)) this.#taken.push(Date.now());
    this.#last = now;
  }

  get seconds() {
    return this.#taken.length;
  }

  disturbed(at) {
    return this.#taken.some((t) => at > t - 2000 && at < t + recovery);
  }

  close() {
    clearInterval(this.#timer);
  }
}

const host = new Host();
const server = await Server.start({ log: "slots-server" });
const crowd = new Process(binary, ["publish", "--data", server.data, "--room", room, "--copies", String(publishers)], { log: "slots-crowd" });
const chromium = await Chromium.start();
try {
  const token = await server.token({ room, identity: "gate", grants: "subscribe" });
  const context = await chromium.browser.newContext({ viewport: { width: 800, height: 600 }, bypassCSP: true });
  const page = await context.newPage();
  const faults = [];
  page.on("pageerror", (err) => faults.push(err.message));
  await page.addInitScript({ content: readFileSync(new URL("slots_page.js", import.meta.url), "utf8") });
  await page.goto(server.url);
  await page.evaluate(([url, t, n]) => window.gate.start(url, t, n), [`${server.url}/r/${room}`, token, pairs]);
  await eventually("the crowd is there", async () => (await page.evaluate(() => window.gate.crowd())).length === publishers, { within: 60_000 });

  const ids = await page.evaluate(() => window.gate.crowd());
  for (let i = 0; i < pairs; i++) await page.evaluate(([i, id]) => window.gate.put(i, id), [i, ids[i]]);
  const end = Date.now() + minutes * 60_000;
  for (let n = 0; Date.now() < end; n++) {
    await new Promise((resolve) => setTimeout(resolve, 2000));
    await page.evaluate(([i, id]) => window.gate.put(i, id), [n % pairs, ids[(pairs + n) % ids.length]]);
  }
  const measured = await page.evaluate(() => window.gate.result());
  if (process.env.SLOTS_RAW) writeFileSync(process.env.SLOTS_RAW, JSON.stringify(measured));
  report(measured, faults);
} finally {
  host.close();
  await chromium.close();
  await crowd.stop({ signal: "SIGINT" }).catch(() => {});
  await server.close();
}

function report(m, faults) {
  const percentile = (list, p) => list.length ? [...list].sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * p))] : null;
  const spread = (list) => ({ n: list.length, p50: round(percentile(list, 0.5)), p95: round(percentile(list, 0.95)), p99: round(percentile(list, 0.99)), max: round(Math.max(0, ...list)) });
  const round = (x) => x === null ? null : Math.round(x * 10) / 10;
  const early = (s) => s.since >= 3000 && s.since < 5000, steady = (s) => s.since >= 5000;
  const quiet = m.sync.filter((s) => !host.disturbed(s.at));
  const off = (list) => spread(list.map((s) => Math.abs(s.beepAfterFlash)));
  // What a slot adds to the wander of the whole page's sound: its distance from the median of all tiles.
  const apart = (s) => Math.abs(s.beepAfterFlash - percentile(m.sync.filter((o) => Math.abs(o.at - s.at) < 1200).map((o) => o.beepAfterFlash), 0.5));
  const sum = (key) => m.stats.reduce((n, s) => n + (s[key] ?? 0), 0);
  const summary = {
    minutes, publishers, pairs,
    switches: m.changes.length,
    sdpAfterJoin: m.offers.local - m.offersAtJoin.local,
    framesLookedAt: m.frames, wrongNames: m.wrong.length,
    outputLatencyMs: m.latency,
    secondsTakenByHost: host.seconds,
    lipSyncSteadyMs: off(m.sync.filter(steady)), lipSync3sMs: off(m.sync.filter(early)),
    lipSyncSteadyUndisturbedMs: off(quiet.filter(steady)),
    steadyAgainstOthersMs: spread(m.sync.filter(steady).map(apart)),
    signedSteadyMedianMs: round(percentile(m.sync.filter(steady).map((s) => s.beepAfterFlash), 0.5)),
    switchToVisibleMs: spread(m.changes.map((c) => c.visibleAfter).filter((v) => v !== null)),
    neverVisible: m.changes.filter((c) => c.visibleAfter === null).length,
    framesReceived: sum("framesReceived"), framesDecoded: sum("framesDecoded"), framesDropped: sum("framesDropped"),
    keyFramesDecoded: sum("keyFramesDecoded"), pliSent: sum("pliCount"), nacks: sum("nackCount"), packetsLost: sum("packetsLost"),
    freezes: sum("freezeCount"), freezeSeconds: round(sum("totalFreezesDuration")),
    pageErrors: faults,
  };
  console.log(JSON.stringify(summary, null, 2));
  const broken = [
    [summary.sdpAfterJoin === 0, "SDP was exchanged after the join"],
    [summary.wrongNames === 0, `pictures under a wrong name: ${JSON.stringify(m.wrong.slice(0, 5))}`],
    [summary.framesLookedAt > 1000 * minutes, "too few frames were seen"],
    [summary.lipSyncSteadyMs.p95 !== null && summary.lipSyncSteadyMs.p95 <= 60, "lip-sync in steady state over 60 ms"],
    [summary.lipSync3sMs.p95 !== null && summary.lipSync3sMs.p95 <= 120, "lip-sync 3 s after a switch over 120 ms"],
    [faults.length === 0, "the page showed errors"],
  ].filter(([ok]) => !ok).map(([, what]) => what);
  for (const what of broken) console.error(`broken: ${what}`);
  process.exitCode = broken.length ? 1 : 0;
}
