// Ways in memory, that break when the test wants.
import { Inbox, type Lane, type Way } from "../../src/transfer/lane";
import type { Bytes } from "../../src/transfer/bytes";

/** What a test does to messages: undefined drops the way at this message. */
export type Meddle = (m: Bytes, from: "sender" | "receiver", n: number) => Bytes | undefined;

class MemoryLane implements Lane {
  readonly in = new Inbox<Bytes>();
  other!: MemoryLane;

  constructor(
    readonly pipe: Pipe,
    readonly side: "sender" | "receiver",
  ) {}

  async send(message: Bytes): Promise<void> {
    if (this.pipe.broken) throw new Error("broken");
    const changed = this.pipe.meddle(message.slice(), this.side, this.pipe.count++);
    if (!changed) {
      this.pipe.break();
      throw new Error("broken");
    }
    this.other.in.push(changed);
    await Promise.resolve();
  }

  receive(): Promise<Bytes | undefined> {
    return this.in.next();
  }

  close(): void {
    this.in.end();
    this.other.in.end();
  }
}

/** Two ways that are one connection. */
export class Pipe {
  broken = false;
  count = 0;
  #lanes: MemoryLane[] = [];
  #accepted = new Inbox<Lane>();

  constructor(readonly meddle: Meddle = (m) => m) {}

  break(): void {
    this.broken = true;
    for (const lane of this.#lanes) lane.close();
    this.#accepted.end();
  }

  readonly sender: Way = {
    kind: "datachannel",
    direct: true,
    open: async () => {
      const [a, b] = [new MemoryLane(this, "sender"), new MemoryLane(this, "receiver")];
      [a.other, b.other] = [b, a];
      this.#lanes.push(a, b);
      this.#accepted.push(b);
      return a;
    },
    accept: () => Promise.reject(new Error("the sender opens")),
    close: () => this.break(),
  };

  readonly receiver: Way = {
    kind: "datachannel",
    direct: true,
    open: () => Promise.reject(new Error("the receiver accepts")),
    accept: () => this.#accepted.next(),
    close: () => this.break(),
  };
}
