// Requests that wait for their answer.
import { SwitchyardError } from "./error";
import type { ServerEnvelope } from "./protocol";

interface Waiting {
  type: string;
  resolve(answer: ServerEnvelope): void;
  reject(error: SwitchyardError): void;
  timer?: ReturnType<typeof setTimeout>;
}

/** Requests pairs answers with requests. The clock of a request runs only while the server can be
 * reached: a dropped WebSocket is no reason to fail what the resume will bring. */
export class Requests {
  #waiting = new Map<number, Waiting>();
  #running = false;

  constructor(readonly timeout: number) {}

  add(id: number, type: string): Promise<ServerEnvelope> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { type, resolve, reject };
      this.#waiting.set(id, waiting);
      if (this.#running) this.#arm(id, waiting);
    });
  }

  /** Gives an answer to who waits for it; false when nobody does. */
  answer(message: ServerEnvelope): boolean {
    const waiting = this.#take(message.re ?? 0);
    if (!waiting) return false;
    if (message.type === "error") waiting.reject(SwitchyardError.from(message.body));
    else waiting.resolve(message);
    return true;
  }

  run(): void {
    this.#running = true;
    for (const [id, waiting] of this.#waiting) this.#arm(id, waiting);
  }

  pause(): void {
    this.#running = false;
    for (const waiting of this.#waiting.values()) clearTimeout(waiting.timer);
  }

  failAll(error: SwitchyardError): void {
    for (const id of [...this.#waiting.keys()]) this.#take(id)?.reject(error);
  }

  #arm(id: number, waiting: Waiting): void {
    clearTimeout(waiting.timer);
    waiting.timer = setTimeout(() => {
      this.#take(id)?.reject(
        new SwitchyardError("timeout", `The server did not answer "${waiting.type}" in time.`, true),
      );
    }, this.timeout);
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    if (!waiting) return undefined;
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    return waiting;
  }
}
