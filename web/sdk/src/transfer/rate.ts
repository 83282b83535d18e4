// How fast it goes: over the last few seconds.

const span = 4_000; // ms

export class Rate {
  #points: { at: number; bytes: number }[] = [];

  add(bytes: number, at = performance.now()): void {
    const last = this.#points.at(-1);
    if (last && at - last.at < 100) last.bytes = bytes;
    else this.#points.push({ at, bytes });
    while (this.#points.length > 2 && at - (this.#points[0]?.at ?? at) > span) this.#points.shift();
  }

  /** Bytes a second. */
  value(now = performance.now()): number {
    const [first, last] = [this.#points[0], this.#points.at(-1)];
    if (!first || !last || now <= first.at || now - last.at > span) return 0;
    return Math.max(0, (last.bytes - first.bytes) / Math.max(0.2, (now - first.at) / 1000));
  }

  /** A pause: what comes after it is counted anew. */
  reset(): void {
    this.#points = [];
  }
}

/** Calls at most every so often, and once more at the end. */
export function seldom(every: number, call: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let last = -Infinity;
  return () => {
    if (timer !== undefined) return;
    const wait = Math.max(0, last + every - performance.now());
    timer = setTimeout(() => {
      timer = undefined;
      last = performance.now();
      call();
    }, wait);
  };
}
