// A typed event emitter: event name -> tuple of arguments.

/** What an emitter can say: each event's name and its listeners' arguments. */
export type EventMap = { [name: string]: unknown[] };

type Listener<A extends unknown[]> = (...args: A) => void;

/** Emitter lets others listen. A listener that throws does not keep the others from hearing. */
export class Emitter<E extends EventMap> {
  #listeners = new Map<keyof E, Set<Listener<never>>>();

  /** Listens; the result stops listening. */
  on<N extends keyof E>(name: N, listener: Listener<E[N]>): () => void {
    let set = this.#listeners.get(name);
    if (!set) this.#listeners.set(name, (set = new Set()));
    const entry = listener as Listener<never>;
    set.add(entry);
    return () => set.delete(entry);
  }

  /** Listens for the next one only. */
  once<N extends keyof E>(name: N, listener: Listener<E[N]>): () => void {
    const off = this.on(name, (...args) => {
      off();
      listener(...args);
    });
    return off;
  }

  /** Whether anyone listens. */
  heard(name: keyof E): boolean {
    return (this.#listeners.get(name)?.size ?? 0) > 0;
  }

  /** Tells everyone who listens. Used by the SDK itself. */
  emit<N extends keyof E>(name: N, ...args: E[N]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        (listener as unknown as Listener<E[N]>)(...args);
      } catch (e) {
        reportError(e);
      }
    }
  }
}

/** Shows a listener's error where the page's own errors are shown. */
function reportError(e: unknown): void {
  queueMicrotask(() => {
    throw e;
  });
}
