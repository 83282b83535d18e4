// Runs the scenarios: those in which media flows one after the other, since they share two cores, and those that hand over
// files, which mostly wait for each other, two at a time. Words on the command line choose files by name. The end is the test runner's summary, and the names of those that passed only the second time.

import { existsSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { fileURLToPath } from "node:url";

// A machine that stands still for seconds can fail what is timed. Where no more than so many files fail, each is run
// once more, alone; a second failure counts.
const mostAgain = 2;

const here = path.dirname(fileURLToPath(import.meta.url));
const wanted = process.argv.slice(2);
const folder = path.join(here, "scenarios");
const files = readdirSync(folder)
  .filter((f) => f.endsWith(".test.mjs") && (wanted.length === 0 || wanted.some((w) => f.includes(w))))
  .sort()
  .map((f) => path.join(folder, f));

if (files.length === 0) fail(`no scenario has ${wanted.join(" or ")} in its name`);
if (!existsSync(path.join(here, "../bin/switchyard"))) fail("bin/switchyard is missing: run make build");
rmSync(path.join(here, "out"), { recursive: true, force: true });

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => stop.abort());

const calm = files.filter((f) => /^(transfer_|shot\.|firefox_receives_file\.)/.test(path.basename(f)));
let failed = [...(await play(calm, 2)), ...(await play(files.filter((f) => !calm.includes(f))))];
if (failed.length > 0 && failed.length <= mostAgain && files.length > mostAgain && !stop.signal.aborted) {
  const again = failed;
  console.log(`\nOnce more: ${names(again)}\n`);
  failed = await play(again);
  const unsteady = again.filter((f) => !failed.includes(f));
  if (unsteady.length > 0) console.log(`\nUnsteady, passed the second time: ${names(unsteady)}`);
}
if (failed.length > 0) fail(`Failed: ${names(failed)}`);
process.exit(stop.signal.aborted ? 1 : 0);

/** Runs files, so many at a time, and returns those in which something failed. */
async function play(list, concurrency = 1) {
  if (list.length === 0) return [];
  const failed = new Set();
  const events = run({ files: list, concurrency, signal: stop.signal });
  events.on("test:fail", (t) => {
    if (!t.todo && !t.skip) failed.add(list.find((f) => f === t.file) ?? list.find((f) => f.endsWith(t.name)));
  });
  const printed = events.compose(spec);
  printed.pipe(process.stdout, { end: false });
  await new Promise((done) => printed.on("end", done));
  return [...failed].filter(Boolean);
}

function names(list) {
  return list.map((f) => path.basename(f, ".test.mjs")).join(", ");
}

function fail(why) {
  console.error(why);
  process.exit(1);
}
