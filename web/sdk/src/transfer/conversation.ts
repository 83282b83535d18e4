// What the two ends of one connection are alike in: a lane for control, and one end, of which the other is told.
import type { Way } from "./lane";
import { controlMessage, type Control } from "./messages";
import type { Outbox } from "./outbox";
import { TransferError } from "./problem";

export abstract class Conversation {
  protected out: Outbox | undefined;
  protected over = false;
  #resolve!: (done: boolean) => void;
  #reject!: (e: TransferError) => void;
  readonly #result: Promise<boolean>;

  constructor(readonly way: Way) {
    this.#result = new Promise((yes, no) => ([this.#resolve, this.#reject] = [yes, no]));
    this.#result.catch(() => {});
  }

  /** Whether it came to its end. False: the way broke. Rejects with what ends the transfer. */
  done(): Promise<boolean> {
    return this.#result;
  }

  /** The other end is told that no more is coming, or wanted. */
  async cancel(reason: string): Promise<void> {
    await this.say({ type: "cancel", reason });
    this.refuse(new TransferError("cancelled", ""));
  }

  /** It cannot go on: the other end is told why. */
  fail(problem: TransferError): void {
    if (this.over) return;
    const { message: text, entry } = problem;
    void this.say({ type: "error", text, ...(entry !== undefined && { entry }) });
    this.refuse(problem);
  }

  protected settle(done: boolean): void {
    this.#end(() => this.#resolve(done));
  }

  protected refuse(problem: TransferError): void {
    this.#end(() => this.#reject(problem));
  }

  /** Lets go of what is under way. */
  protected abstract ended(): void;

  protected async say(control: Control): Promise<void> {
    if (!this.over) await this.out?.post(controlMessage(control));
  }

  #end(tell: () => void): void {
    if (this.over) return;
    this.over = true;
    this.ended();
    tell();
  }
}
