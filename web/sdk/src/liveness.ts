// Is the socket alive? A ping after 10 s without sending; silence after a ping means it is dead.

const idle = 10_000; // ms without sending before a ping
const patience = 5_000; // ms to wait for any word after a ping
const hurried = 2_000; // the same when the page or network just woke

/** Liveness watches one open socket. */
export class Liveness {
  #idle?: ReturnType<typeof setTimeout>;
  #dead?: ReturnType<typeof setTimeout>;

  constructor(
    readonly ping: () => void,
    readonly died: () => void,
  ) {}

  start(): void {
    this.stop();
    this.sent();
  }

  stop(): void {
    clearTimeout(this.#idle);
    clearTimeout(this.#dead);
    this.#dead = undefined;
  }

  sent(): void {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.probe(patience), idle);
  }

  received(): void {
    clearTimeout(this.#dead);
    this.#dead = undefined;
  }

  /** Asks for a sign of life now. */
  probe(limit = hurried): void {
    if (this.#dead !== undefined) return;
    this.#dead = setTimeout(this.died, limit);
    this.ping();
  }
}
