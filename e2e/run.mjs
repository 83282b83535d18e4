// Runs the scenarios, one after the other: they share two cores. Words on the command line choose
// files by name. The end is the test runner's summary.

import { spawn } from "node:child_process";
import { existsSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

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

const runner = spawn(process.execPath, ["--test", "--test-concurrency=1", "--test-reporter=spec", ...files], { stdio: "inherit" });
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => runner.kill(signal));
runner.on("close", (code) => process.exit(code ?? 1));

function fail(why) {
  console.error(why);
  process.exit(1);
}
