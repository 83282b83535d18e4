// The adaptation gate: a film of 2 Mbit/s in three sizes on its way to a watcher whose downlink gets worse and
// better again. The watcher is a Chromium in a network namespace, with a shaper between it and the server. It prints
// as JSON what was seen and ends with 1 where a limit is missed.
//
//   node e2e/gates/adapt.mjs [drop-200|drop-1000|loss|queue|ten|dynacast ...] [--camera] [--screenshot FILE] [--verbose]
//
// The film comes from `switchyard publish --layers`, encoded before, so that two cores are enough; with --camera a
// Chromium films it.

import { parseArgs } from "node:util";
import { Chromium } from "../harness/browsers.mjs";
import { Film } from "../harness/film.mjs";
import { Wire } from "../harness/namespace.mjs";
import { Process, binary } from "../harness/process.mjs";
import { Server } from "../harness/server.mjs";
import { dynacast } from "./adapt_dynacast.mjs";
import { condense, observe, tell, watch } from "./adapt_seen.mjs";
import { ten } from "./adapt_ten.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { camera: { type: "boolean" }, screenshot: { type: "string" }, verbose: { type: "boolean" } },
});
const Mbit = 1e6;
const sizes = [{ height: 180, kbps: 150 }, { height: 360, kbps: 500 }, { height: 720, kbps: 2000 }]; // as the SDK sends a camera

/** Each scenario: phases of the wire, and what must hold; or what is played in its place. */
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
  ten: { play: ten },
  dynacast: { play: dynacast },
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
      [s.wide.wireKbpsAtEnd > 2000, `${s.wide.wireKbpsAtEnd} kbit/s came in the 5 s before the drop: more than 2000, or it is no drop`],
      [s.narrow.longestGap < longestFreeze, `the picture stood ${s.narrow.longestGap} ms after the drop; less than ${longestFreeze}`],
      [s.wideAgain.topAfter <= 8000, `the top layer was back ${s.wideAgain.topAfter ?? "never"} ms after the rise; within 8000`],
    ],
  };
}

const wire = await Wire.shaped();
const film = await Film.make();
const results = {};
const world = { wire, film, screenshot: values.screenshot, verbose: values.verbose };
try {
  world.server = await Server.start({ log: "adapt-server", host: "10.78.0.1", namespace: wire.server });
  world.here = await Chromium.start({ namespace: wire.client, origin: world.server.url });
  const names = positionals.length > 0 ? positionals : Object.keys(scenarios);
  for (const name of names) {
    if (!scenarios[name]) throw new Error(`there is no scenario ${name}; there are ${Object.keys(scenarios).join(", ")}`);
    await wire.shape({});
    results[name] = await (scenarios[name].play ?? play)(world, name, scenarios[name]).catch((e) => ({ broken: [e.message] }));
  }
} finally {
  await world.there?.close();
  await world.here?.close();
  await world.server?.close();
  await wire.close();
  film.close();
}
report();

async function play({ server, here }, name, { phases, limits }) {
  const { down, up } = phases[0];
  await wire.shape({ down: { delay: down.delay }, up }); // as long as it is from the start: what becomes longer looks like a queue
  const anna = values.camera ? await camera(name) : await publisher(name);
  const bert = await here.person("bert");
  await bert.page.setViewportSize({ width: 1280, height: 800 });
  await bert.join(await server.invite({ room: name }));
  await bert.seesOthers(1);
  await watch(bert, await bert.page.evaluate(() => window.switchyard.room.participants.find((p) => p.id !== window.switchyard.room.you).id));
  const summary = {};
  let top = 0;
  for (const phase of phases) {
    await wire.shape(phase);
    const seen = await observe(bert, wire, phase.for);
    if (top === 0) top = seen.pictures.reduce((most, p) => Math.max(most, p.height), 0);
    summary[phase.name] = condense(seen, top);
    if (values.screenshot) await bert.page.screenshot({ path: `${values.screenshot}-${name}-${phase.name}.png` });
    if (values.verbose) tell(`${name} ${phase.name}`, seen);
  }
  const faults = [...anna.faults(), ...bert.faults()];
  await bert.page.close();
  await anna.close();
  return { ...summary, broken: missed([...limits(summary), [faults.length === 0, `the pages showed errors: ${faults.join("; ")}`]]) };
}

function missed(limits) {
  return limits.filter(([ok]) => !ok).map(([, what]) => what);
}

/** Somebody whose picture and sound come out of files. */
async function publisher(room) {
  const { server } = world;
  world.files ??= await film.encoded(sizes);
  const [command, args] = wire.server.wrap(binary, ["publish", "--data", server.data, "--room", room, "--layers", "--name", "anna", ...world.files]);
  const process = new Process(command, args, { log: "adapt-publisher" });
  return { faults: () => (process.running ? [] : [`the publisher ended: ${process.tail()}`]), close: () => process.stop({ signal: "SIGINT" }) };
}

/** Somebody with a browser that films. */
async function camera(room) {
  const { server } = world;
  world.there ??= await Chromium.start({ namespace: wire.server, origin: server.url, args: [film.flag] });
  const anna = await world.there.person("anna");
  await anna.page.addInitScript(() => window.probe.film({ width: 1280, height: 720, frameRate: 25 }));
  await anna.join(await server.invite({ room }));
  return { faults: () => anna.faults(), close: () => anna.page.close() };
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
