// Waiting for what must come true, with a bound.

import { setTimeout as pause } from "node:timers/promises";

/**
 * Calls probe again and again until it returns something truthy, and returns that. It fails after
 * `within` milliseconds and says what was awaited and what was seen last.
 */
export async function eventually(what, probe, { within = 20_000, every = 200 } = {}) {
  const deadline = Date.now() + within;
  let last;
  for (;;) {
    try {
      last = await probe();
      if (last) return last;
    } catch (err) {
      if (err?.final) throw err;
      last = err;
    }
    if (Date.now() > deadline) {
      const seen = last instanceof Error ? last.message : JSON.stringify(last);
      throw new Error(`not within ${within / 1000} s: ${what}; last: ${seen}`);
    }
    await pause(every);
  }
}

/** Lets media flow for a while: only where a scenario measures over time. */
export { pause as forAWhile };
