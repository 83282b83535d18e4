// Runs the scenarios: those that judge how media flows one after the other, since they share the machine's cores, and
// the others, which mostly wait, two at a time. Words on the command line choose files by name. The end is a
// summary: the slowest, those that passed only the second time, those that failed.

import { existsSync, readdirSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { setMaxListeners } from "node:events";
import { nameOf, play } from "./harness/play.mjs";

// They look at how many pictures come, how long they are kept, or what is lost, and encode much.
const alone = ["backup_codec", "four_participants_see_and_hear", "layers_follow_the_picture", "playout", "redundant_sound", "ten_streams_added_and_removed"];

// Of the others those that take longest come first, so that none is left over in the end.
const longest = ["pages_are_accessible", "doctor", "firefox_joins", "transfer_page", "transfer_page_disk", "call_page_more_tracks", "00_harness_sees_and_hears",
  "every_codec_is_forwarded", "transfer_page_pairs", "transfer_page_choose", "transfer_page_blocked", "transfer_browser_breaks", "refusals",
  "transfer_cli_network", "transfer_page_looks", "invite_dialog", "call_page_wishes", "go_publishes_and_watches", "firefox_pages", "whip_publishers_are_seen", "admin_page", "call_page_words"];

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
setMaxListeners(0, stop.signal);
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => stop.abort());

const began = Date.now();
const isAlone = (f) => alone.includes(nameOf(f));
const place = (f) => (longest.indexOf(nameOf(f)) + longest.length + 1) % (longest.length + 1); // those that are not named come last
const shared = files.filter((f) => !isAlone(f)).sort((a, b) => place(a) - place(b));
const ended = [
  ...await play(shared, { concurrency: Math.min(2, availableParallelism()), signal: stop.signal }),
  ...await play(files.filter(isAlone), { signal: stop.signal }),
];
let failed = filesOf(ended.filter((e) => e.failed)), unsteady = [];
if (failed.length > 0 && failed.length <= mostAgain && files.length > mostAgain && !stop.signal.aborted) {
  const again = failed;
  console.log(`\nOnce more: ${names(again)}`);
  failed = filesOf((await play(again, { signal: stop.signal })).filter((e) => e.failed));
  unsteady = again.filter((f) => !failed.includes(f));
}

const slowest = [...ended].sort((a, b) => b.seconds - a.seconds).slice(0, 10);
console.log(`\n${ended.length} scenarios in ${Math.round((Date.now() - began) / 1000)} s. The slowest:`);
for (const { name, seconds } of slowest) console.log(`${seconds.toFixed(1).padStart(6)} s  ${name}`);
if (unsteady.length > 0) console.log(`Unsteady, passed the second time: ${names(unsteady)}`);
if (failed.length > 0) fail(`Failed: ${names(failed)}`);
process.exit(stop.signal.aborted ? 1 : 0);

function filesOf(scenarios) {
  return [...new Set(scenarios.map((e) => e.file))];
}

function names(list) {
  return list.map(nameOf).join(", ");
}

function fail(why) {
  console.error(why);
  process.exit(1);
}
