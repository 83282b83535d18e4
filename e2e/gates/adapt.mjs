// The adaptation gate: a camera in three sizes on its way to a watcher whose downlink gets worse and better
// again. Two Chromiums in network namespaces, with a shaper between the server and the watcher. It prints
// as JSON what the watcher saw and ends with 1 where a limit is missed.
//
//   node e2e/gates/adapt.mjs [drop-200|drop-1000|loss|queue ...] [--screenshot FILE]

import { parseArgs } from "node:util";
import { Chromium } from "../harness/browsers.mjs";
import { Wire } from "../harness/namespace.mjs";
import { Server } from "../harness/server.mjs";
import { forAWhile } from "../harness/wait.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { screenshot: { type: "string" }, verbose: { type: "boolean" } },
});
const Mbit = 1e6;
const sampleEvery = 100; // ms

/** Each scenario: phases of the wire, and what must hold. */
const scenarios = {
  "drop-200": drop(200, 1000),
  "drop-1000": drop(1000, 2500),
  loss: {
    phases: [{ for: 60_000, name: "loss", down: { loss: 0.05, delay: 50 }, up: { delay: 50 } }],
    limits: (s) => [
      [s.loss.freezesOver500 <= 1, `${s.loss.freezesOver500} freezes over 500 ms; at most 1`],
      [s.loss.concealed < 0.02, `${(100 * s.loss.concealed).toFixed(1)} % of the sound was concealed; less than 2 %`],
    ],
  },
  queue: {
    phases: [
      { for: 10_000, name: "begin", down: { rate: 1 * Mbit, queue: 1000, delay: 20 }, up: { delay: 20 } },
      { for: 30_000, name: "steady", down: { rate: 1 * Mbit, queue: 1000, delay: 20 }, up: { delay: 20 } },
    ],
    limits: (s) => [[s.steady.queueP95 < 150, `the queue was ${s.steady.queueP95} ms at its 95th percentile; less than 150`]],
  },
};

/** 2.5 Mbit/s, then 300 kbit/s, then 2.5 Mbit/s again. */
function drop(queue, longestFreeze) {
  const wide = { rate: 2.5 * Mbit, queue, delay: 20 }, narrow = { ...wide, rate: 0.3 * Mbit }, up = { delay: 20 };
  return {
    phases: [
      { for: 20_000, name: "wide", down: wide, up },
      { for: 30_000, name: "narrow", down: narrow, up },
      { for: 20_000, name: "wideAgain", down: wide, up },
    ],
    limits: (s) => [
      [s.narrow.longestGap < longestFreeze, `the picture stood ${s.narrow.longestGap} ms after the drop; less than ${longestFreeze}`],
      [s.wideAgain.topAfter <= 8000, `the top layer was back ${s.wideAgain.topAfter ?? "never"} ms after the rise; within 8000`],
    ],
  };
}

const wire = await Wire.shaped();
const results = {};
let server, there, here;
try {
  server = await Server.start({ log: "adapt-server", host: "10.78.0.1", namespace: wire.server });
  there = await Chromium.start({ namespace: wire.server, origin: server.url });
  here = await Chromium.start({ namespace: wire.client, origin: server.url });
  const names = positionals.length > 0 ? positionals : Object.keys(scenarios);
  for (const name of names) {
    if (!scenarios[name]) throw new Error(`there is no scenario ${name}; there are ${Object.keys(scenarios).join(", ")}`);
    results[name] = await play(name, scenarios[name]);
  }
} finally {
  await here?.close();
  await there?.close();
  await server?.close();
  await wire.close();
}
report();

async function play(name, { phases, limits }) {
  await wire.shape({});
  const link = await server.invite({ room: name });
  const anna = await there.person("anna");
  const bert = await here.person("bert");
  await bert.page.setViewportSize({ width: 1280, height: 800 });
  await anna.page.addInitScript(() => window.probe.film({ width: 960, height: 540, frameRate: 25 })); // enough for three layers
  await anna.join(link);
  await bert.join(link);
  await bert.seesOthers(1);
  await bert.page.evaluate(watchPicture, await anna.me());
  const summary = {};
  let top = 0;
  for (const phase of phases) {
    await wire.shape(phase);
    const seen = await observe(bert, phase.for);
    if (top === 0) top = seen.pictures.reduce((most, p) => Math.max(most, p.height), 0);
    summary[phase.name] = condense(seen, top);
    if (values.screenshot) await bert.page.screenshot({ path: `${values.screenshot}-${name}-${phase.name}.png` });
    if (values.verbose) console.error(name, phase.name, JSON.stringify(seen.samples.map((s) => [s.at, s.height, s.kbps, s.queue])));
  }
  const faults = [...anna.faults(), ...bert.faults()];
  await bert.page.close();
  await anna.page.close();
  const broken = [...limits(summary), [faults.length === 0, `the pages showed errors: ${faults.join("; ")}`]]
    .filter(([ok]) => !ok).map(([, what]) => what);
  return { ...summary, broken };
}

/** Notes when each picture of somebody's camera is presented, and its size. */
function watchPicture(participant) {
  const tile = document.querySelector(`[data-participant="${participant}"][data-track] video`);
  window.pictures = [];
  const next = () => tile.requestVideoFrameCallback((at, { width, height }) => {
    window.pictures.push({ at: performance.timeOrigin + at, width, height });
    next();
  });
  next();
}

/** Samples statistics and queue for a while; the pictures come with them. */
async function observe(person, ms) {
  const began = Date.now(), samples = [];
  await person.page.evaluate(() => (window.pictures.length = 0));
  let before = await inbound(person);
  const first = before;
  for (let at = 0; at < ms; at = Date.now() - began) {
    await forAWhile(sampleEvery - ((Date.now() - began) % sampleEvery));
    const now = await inbound(person);
    const { ab } = await wire.carried();
    const kbps = Math.round((8 * (now.bytes - before.bytes)) / Math.max(1, now.at - before.at));
    samples.push({ at: Date.now() - began, height: now.height, kbps, queue: Math.round(ab.queue) });
    before = now;
  }
  const pictures = await person.page.evaluate(() => window.pictures);
  return { began, ended: Date.now(), samples, pictures, first, last: before };
}

async function inbound(person) {
  const { inbound } = await person.stats();
  const sum = (key, kind) => inbound.filter((s) => !kind || s.kind === kind).reduce((n, s) => n + (s[key] ?? 0), 0);
  return {
    at: Date.now(), bytes: sum("bytesReceived"), height: inbound.reduce((most, s) => Math.max(most, s.frameHeight ?? 0), 0),
    samples: sum("totalSamplesReceived", "audio"), concealed: sum("concealedSamples", "audio"),
    silent: sum("silentConcealedSamples", "audio"), freezes: sum("freezeCount", "video"),
  };
}

function condense({ began, ended, samples, pictures, first, last }, top) {
  const times = [began, ...pictures.map((p) => p.at), ended];
  const gaps = times.slice(1).map((t, i) => t - times[i]);
  const queues = samples.map((s) => s.queue).sort((a, b) => a - b);
  const back = pictures.find((p) => p.height >= top);
  const heights = {};
  for (const p of pictures) heights[p.height] = (heights[p.height] ?? 0) + 1;
  const sound = last.samples - first.samples;
  return {
    fps: Math.round((10_000 * pictures.length) / (ended - began)) / 10, longestGap: Math.round(Math.max(...gaps)),
    freezesOver500: gaps.filter((g) => g > 500).length, heights, topAfter: back && Math.round(back.at - began),
    kbps: Math.round((8 * (last.bytes - first.bytes)) / (ended - began)),
    queueP50: queues[Math.floor(queues.length / 2)], queueP95: queues[Math.floor(queues.length * 0.95)],
    concealed: sound > 0 ? (last.concealed - first.concealed - (last.silent - first.silent)) / sound : 1,
  };
}

function report() {
  console.log(JSON.stringify(results, null, 2));
  for (const [name, { broken }] of Object.entries(results)) {
    for (const what of broken) {
      console.error(`${name}: ${what}`);
      process.exitCode = 1;
    }
  }
}
