// Waiting for what must come true, with a bound. The bound is for what never comes: it is far beyond what a slow and
// busy machine takes, and costs nothing where all is well. How long something takes is no scenario's business.

import { setTimeout as pause } from "node:timers/promises";

/** As long as a machine may take for anything, in ms: far more than beside three busy loops on two cores. */
export const patience = 60_000;

/**
 * Calls probe again and again until it returns something truthy, and returns that. It fails after
 * `within` milliseconds and says what was awaited and what was seen last.
 */
export async function eventually(what, probe, { within = patience, every = 200 } = {}) {
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
