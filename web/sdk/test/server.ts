// A server played by the tests: it sees what the client sends and says what it likes.
import { expect } from "vitest";
import type { ClientEnvelope, ClientMessages, ServerEnvelope, Welcome } from "../src/protocol";
import type { Dial, SocketEvents } from "../src/socket";

/** One connection that a client opened. */
export class Line {
  sent: ClientEnvelope[] = [];
  closed = false;

  constructor(
    readonly url: string,
    readonly events: SocketEvents,
  ) {}

  open(): void {
    this.events.opened();
  }

  say(message: ServerEnvelope): void {
    this.events.received(JSON.stringify(message));
  }

  /** The network takes the connection away. */
  drop(): void {
    this.closed = true;
    this.events.closed();
  }

  /** The newest message of a type. */
  last<T extends keyof ClientMessages>(type: T): ClientEnvelope & { type: T } {
    const found = this.sent.findLast((m) => m.type === type);
    expect(found, `a ${type} was sent`).toBeDefined();
    return found as ClientEnvelope & { type: T };
  }

  types(): string[] {
    return this.sent.map((m) => m.type);
  }
}

/** Collects the connections that are dialled. */
export class FakeServer {
  lines: Line[] = [];

  readonly dial: Dial = (url, _subprotocol, events) => {
    const line = new Line(url, events);
    this.lines.push(line);
    return {
      send: (text) => !line.closed && line.sent.push(JSON.parse(text) as ClientEnvelope),
      close: () => (line.closed = true),
    };
  };

  get line(): Line {
    const line = this.lines[this.lines.length - 1];
    if (!line) throw new Error("nobody has called");
    return line;
  }
}

export function welcome(change: Partial<Welcome> = {}): Welcome {
  return {
    version: 1,
    server: "s1",
    room: "standup",
    session: "secret",
    you: "me",
    grants: { publish: ["*"], subscribe: true, data: true },
    limits: { messageBytes: 65536, dataBytes: 65536, tracks: 16, participants: 100, resumeSeconds: 30 },
    ...change,
  };
}

/** Lets promises settle, with or without fake timers. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}
