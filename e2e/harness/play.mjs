// Plays scenario files, several at a time, and tells of each scenario when it ends.

import path from "node:path";
import { run } from "node:test";
import { inspect } from "node:util";

// A process that does not end, since a scenario left something open, is ended after so many ms: many times what the longest takes.
const longest = 600_000;

/** A scenario's file without what all of them end with. */
export const nameOf = (file) => path.basename(file, ".test.mjs");

/** Plays files, so many at a time, in their order. Returns every scenario that ended: { file, name, seconds, failed }. */
export async function play(files, { concurrency = 1, signal, say = (line) => console.log(line) }) {
  const left = [...files], ended = [];
  const lane = async () => {
    while (left.length > 0 && !signal.aborted) ended.push(...await playOne(left.shift(), signal, say));
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, files.length) }, lane));
  return ended;
}

/** Plays one file in a process of its own. */
async function playOne(file, signal, say) {
  const ended = [];
  const ends = (wrong) => ({ name, details, nesting, skip, todo }) => {
    const failed = wrong || Boolean(skip || todo); // scenarios are neither skipped nor left for later
    const itself = name === file || path.resolve(name) === file; // the process: of interest only where it says more than its scenarios
    if (nesting > 0 || (itself && (!failed || ended.some((e) => e.failed)))) return;
    const seconds = details.duration_ms / 1000;
    ended.push({ file, name: itself ? nameOf(file) : name, seconds, failed });
    say(`${failed ? "✖" : "✔"} ${ended.at(-1).name} (${seconds.toFixed(1)} s)`);
    const { cause } = details.error ?? {};
    if (failed) say(inspect(wrong ? (itself ? details.error : cause ?? details.error) : "it was skipped").replace(/^/gm, "  "));
  };
  const events = run({ files: [file], concurrency: 1, signal: AbortSignal.any([signal, AbortSignal.timeout(longest)]) });
  events.on("test:pass", ends(false));
  events.on("test:fail", ends(true));
  for (const stream of ["test:stdout", "test:stderr"]) events.on(stream, ({ message }) => say(message.trimEnd()));
  for await (const _ of events);
  if (ended.length === 0 && !signal.aborted) {
    say(`✖ ${nameOf(file)} declares no scenario`);
    ended.push({ file, name: nameOf(file), seconds: 0, failed: true });
  }
  return ended;
}
