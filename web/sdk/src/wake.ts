// When to try at once instead of waiting: the network came back, or the page did.

/** Calls back when a broken connection is worth an immediate try; the result stops that. */
export type Wake = (callback: () => void) => () => void;

/** Wakes on `online` and when the page becomes visible again. */
export const browserWake: Wake = (callback) => {
  const visible = () => {
    if (document.visibilityState === "visible") callback();
  };
  window.addEventListener("online", callback);
  document.addEventListener("visibilitychange", visible);
  return () => {
    window.removeEventListener("online", callback);
    document.removeEventListener("visibilitychange", visible);
  };
};

const firstDelay = 250; // ms
const lastDelay = 2000; // ms; with it a returned server has everybody back within 5 s

/** How long to wait before try number `attempt` (from 0), in ms: doubling, with jitter so that a
 * restarted server does not meet everybody at once. */
export function backoff(attempt: number, random = Math.random): number {
  const delay = Math.min(lastDelay, firstDelay * 2 ** attempt);
  return delay * (0.5 + random() / 2);
}
