// The Go examples, built once for a scenario: what a user reads is what is tried.

import path from "node:path";
import { out, root, run } from "./process.mjs";

/** Builds examples/<name> and returns the program's path. */
export async function example(name) {
  const program = path.join(out, name);
  await run("go", ["-C", root, "build", "-o", program, `./examples/${name}`], { log: `build-${name}`, within: 240_000 });
  return program;
}
