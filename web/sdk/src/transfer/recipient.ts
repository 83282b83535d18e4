// One receiver, at the sender's end: served over one way after the other.
import type { ParticipantID } from "../protocol";
import type { Welcoming, Word } from "./handshake";
import type { Way } from "./lane";
import { asProblem, type TransferError } from "./problem";
import { Rate } from "./rate";
import type { Receiver, WayKind } from "./shape";
import type { Source } from "./source";
import { SourceRun } from "./sourcerun";

const firstPause = 100; // ms before the next way is tried; it doubles
const lastPause = 2_000;

type FindWay = (askedForRelay: Promise<void>) => Promise<Way>;

export class Recipient {
  /** Handshakes that were answered since the last that was confirmed: each may be a guess. */
  tries = 0;
  /** The newest hello, to be answered. */
  hello: Word | undefined;
  /** A handshake that is not confirmed yet. */
  pending: Welcoming | undefined;
  run: SourceRun | undefined;
  /** Had the right secret once, or a wrong passphrase. */
  known = false;
  /** The secret of a pair, since the last handshake. */
  pair: string | undefined;
  #state: Receiver["state"] = "connecting";
  #verified = 0;
  #total: number;
  #way: WayKind | undefined;
  #problem: string | undefined;
  #rate = new Rate();
  #serving = 0; // number of the serving that counts
  #current: Way | undefined;
  #ask: () => void = () => {};

  constructor(
    readonly id: ParticipantID,
    readonly name: string,
    readonly source: Source,
    readonly moved: () => void,
    /** The state is another. */
    readonly changed: () => void,
  ) {
    this.#total = source.offer.bytes;
  }

  get done(): boolean {
    return this.#state === "complete";
  }

  /** Nothing is to be expected, unless they come back. */
  get settled(): boolean {
    return ["complete", "gave-up", "wrong-secret", "failed"].includes(this.#state);
  }

  get facts(): Receiver {
    const { id, name } = this;
    const rate = this.#state === "receiving" ? this.#rate.value() : 0;
    return {
      ...{ id, name, state: this.#state, verified: this.#verified, total: this.#total, rate },
      ...(this.#way && { way: this.#way }),
      ...(this.#problem && { problem: this.#problem }),
      ...(this.pair && { pair: this.pair }),
    };
  }

  mistaken(): void {
    if (this.known && this.#state !== "wrong-secret") return; // had it right before
    this.known = true;
    this.#to("wrong-secret");
  }

  /** Finds ways and serves over them until the receiver has everything or will not have it; in the place of the serving before. */
  serve(find: FindWay): void {
    this.drop();
    this.known = true;
    this.#to("connecting");
    void this.#serve(find, this.#serving);
  }

  /** Ends the serving without a word. */
  drop(): void {
    this.#serving++;
    this.#current?.close();
    this.#current = this.run = undefined;
  }

  askRelay(): void {
    this.#ask();
  }

  gaveUp(reason: string): void {
    this.drop();
    this.#problem = reason;
    this.#to("gave-up");
  }

  left(): void {
    this.drop();
    this.pending = undefined;
    if (this.known && !this.settled) this.#to("away");
  }

  async #serve(find: FindWay, serving: number): Promise<void> {
    const current = () => serving === this.#serving;
    for (let pause = firstPause; current(); pause = Math.min(2 * pause, lastPause)) {
      try {
        const way = await find(new Promise((resolve) => (this.#ask = resolve)));
        if (!current()) return way.close();
        if (await this.#over(way)) return this.#to("complete");
        pause = firstPause;
      } catch (e) {
        if (current() && this.#failed(e)) return;
      }
      if (!current()) return;
      this.#to("connecting");
      await new Promise((go) => setTimeout(go, pause));
    }
  }

  /** Serves over one way. */
  async #over(way: Way): Promise<boolean> {
    this.#current = way;
    this.#way = way.kind === "relay" ? "relay" : way.direct ? "direct" : "turn";
    this.#rate.reset();
    this.#to("deciding");
    const run = (this.run = new SourceRun(this.source, way, {
      accepted: (total) => {
        this.#total = total;
        this.#to("receiving");
      },
      verified: (bytes) => {
        this.#verified = bytes;
        this.#rate.add(bytes);
        this.moved();
      },
    }));
    try {
      const done = await run.done();
      if (done) this.#verified = this.#total;
      return done;
    } finally {
      if (this.run === run) this.run = undefined;
      way.close();
    }
  }

  /** Whether it is over with this receiver; else the next way is tried. */
  #failed(e: unknown): boolean {
    if (!(e instanceof Error && "code" in e)) return false; // no way
    const problem: TransferError = asProblem(e);
    this.#problem = problem.message || undefined;
    this.#to(problem.code === "later" ? "away" : problem.code === "cancelled" ? "gave-up" : "failed");
    return true;
  }

  #to(state: Receiver["state"]): void {
    if (state === this.#state || this.done) return; // who has it may come again for our last word
    this.#state = state;
    if (state !== "gave-up" && state !== "failed") this.#problem = undefined;
    this.changed();
  }
}
