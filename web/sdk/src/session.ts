// A session with the server: survives dropped WebSockets by resuming, and lost sessions by joining
// anew. It knows nothing of media.
import { SwitchyardError } from "./error";
import { Liveness } from "./liveness";
import { Outbox } from "./outbox";
import type { ClientEnvelope, ClientMessages, Join, ServerEnvelope, Welcome } from "./protocol";
import { Subprotocol } from "./protocol";
import { Requests } from "./requests";
import type { Dial, Socket } from "./socket";
import { backoff, type Wake } from "./wake";

/** What the session asks of and tells its owner. */
export interface SessionOwner {
  /** The address to connect to now, with the newest token. */
  url(): string;
  /** Makes a join with a fresh offer. Called for each try, so each try has a link of its own. */
  join(): Promise<Join>;
  /** A session began (not `resumed`: everything must be set up anew) or went on. */
  welcome(welcome: Welcome): void;
  /** A message that answers nothing. */
  message(message: ServerEnvelope): void;
  /** Whether the server can be reached now. */
  reachable(yes: boolean): void;
  /** It is over: by leaving (no error) or for good. */
  closed(error?: SwitchyardError): void;
}

export interface SessionTools {
  dial: Dial;
  wake: Wake;
  /** How long a request may take, in ms. */
  requestTimeout?: number;
}

const openTimeout = 5_000; // ms until a WebSocket must be open
const joinTimeout = 8_000; // ms from there until the welcome
const ackEvery = 32; // messages received before an acknowledgement is sent on its own

type State = "idle" | "waiting" | "opening" | "joining" | "live" | "closed";

export class Session {
  #state: State = "idle";
  #socket?: Socket;
  #secret?: string; // of the session that can be resumed
  #outbox = new Outbox(1); // 1 is the join's
  #requests: Requests;
  #liveness: Liveness;
  #id = 0;
  #handshake = 0; // id of the join or resume that is under way
  #received = 0; // highest seq from the server
  #acked = 0; // highest that we told it
  #attempt = 0;
  #entered = false; // there was a welcome
  #timer?: ReturnType<typeof setTimeout>;
  #sleep: () => void = () => {};

  constructor(
    readonly owner: SessionOwner,
    readonly tools: SessionTools,
  ) {
    this.#requests = new Requests(tools.requestTimeout ?? 15_000);
    this.#liveness = new Liveness(
      () => this.#ping(),
      () => this.#drop(),
    );
  }

  start(): void {
    this.#sleep = this.tools.wake(() => this.#woke());
    this.#open();
  }

  /** Sends what needs no answer. */
  send<T extends keyof ClientMessages>(type: T, body: ClientMessages[T]): void {
    if (this.#state === "closed") return;
    this.#post({ type, body } as ClientEnvelope);
  }

  /** Asks and waits for the answer, through dropped WebSockets if need be. */
  request<T extends keyof ClientMessages>(type: T, body: ClientMessages[T]): Promise<ServerEnvelope> {
    if (this.#state === "closed") return Promise.reject(closedError());
    const id = ++this.#id;
    const answer = this.#requests.add(id, type);
    this.#post({ type, id, body } as ClientEnvelope);
    return answer;
  }

  /** Gives the session up and joins anew, as after a server's restart. */
  rejoin(): void {
    if (this.#state === "closed") return;
    this.#lose();
    this.#drop();
  }

  /** Leaves: says so as far as that is possible at once, then closes. */
  leave(): void {
    if (this.#state === "closed") return;
    if (this.#state === "live") this.send("leave", {});
    this.#finish();
  }

  // ---- the way out ----

  #post(message: ClientEnvelope): void {
    this.#outbox.add(message);
    if (this.#state === "live") this.#write(message);
  }

  #write(message: ClientEnvelope): void {
    if (this.#received > 0) message.ack = this.#acked = this.#received;
    this.#socket?.send(JSON.stringify(message));
    this.#liveness.sent();
  }

  #ping(): void {
    this.#write({ type: "ping", body: { time: Date.now() } });
  }

  // ---- the socket's life ----

  #open(): void {
    clearTimeout(this.#timer);
    this.#state = "opening";
    const current = () => this.#socket === socket;
    const socket = this.tools.dial(this.owner.url(), Subprotocol, {
      opened: () => current() && void this.#opened(),
      received: (text) => current() && this.#read(text),
      closed: () => current() && this.#drop(),
    });
    this.#socket = socket;
    this.#timer = setTimeout(() => this.#drop(), openTimeout);
  }

  async #opened(): Promise<void> {
    this.#state = "joining";
    this.#arm(joinTimeout);
    if (this.#secret !== undefined) {
      this.#handshake = ++this.#id;
      const resume: ClientEnvelope = { type: "resume", id: this.#handshake, body: { session: this.#secret } };
      resume.ack = this.#received;
      this.#socket?.send(JSON.stringify(resume));
      return;
    }
    await this.#join();
  }

  /** Begins a session on the open socket. The join is its first message. */
  async #join(): Promise<void> {
    const socket = this.#socket;
    let body: Join;
    try {
      body = await this.owner.join();
    } catch (e) {
      if (this.#socket === socket) this.#finish(asError(e));
      return;
    }
    if (this.#socket !== socket || this.#state !== "joining") return;
    this.#handshake = ++this.#id;
    const join: ClientEnvelope = { type: "join", id: this.#handshake, seq: 1, body };
    socket?.send(JSON.stringify(join));
  }

  /** The socket is gone: try again soon. Media is not touched. */
  #drop(): void {
    if (this.#state === "closed" || this.#state === "waiting") return;
    const wasLive = this.#state === "live";
    this.#detach();
    this.#state = "waiting";
    if (wasLive) this.owner.reachable(false);
    this.#timer = setTimeout(() => this.#open(), backoff(this.#attempt++));
  }

  #detach(): void {
    clearTimeout(this.#timer);
    this.#liveness.stop();
    this.#requests.pause();
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
  }

  #woke(): void {
    if (this.#state === "waiting") {
      this.#attempt = 0;
      this.#open();
    } else if (this.#state === "live") {
      this.#liveness.probe();
    }
  }

  #arm(limit: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#drop(), limit);
  }

  #finish(error?: SwitchyardError): void {
    this.#detach();
    this.#state = "closed";
    this.#sleep();
    this.#requests.failAll(error ?? closedError());
    this.owner.closed(error);
  }

  // ---- the way in ----

  #read(text: string): void {
    this.#liveness.received();
    const message = parse(text);
    if (!message) return;
    if (message.ack) this.#outbox.acknowledge(message.ack);
    if (message.type === "welcome") return this.#welcome(message.body, message.seq);
    if (message.type === "error" && this.#refused(message)) return;
    if (message.type === "ice" && this.#state === "joining") return this.owner.message(message); // ahead of the welcome
    if (this.#state !== "live" || !this.#isNew(message.seq)) return;
    if (this.#received - this.#acked >= ackEvery) this.#ping();
    if (message.re && this.#requests.answer(message)) return;
    this.owner.message(message);
  }

  /** Messages that a resume brings twice are told by their number. */
  #isNew(seq: number | undefined): boolean {
    if (seq === undefined || seq === 0) return true;
    if (seq <= this.#received) return false;
    this.#received = seq;
    return true;
  }

  #welcome(welcome: Welcome, seq: number | undefined): void {
    if (this.#state !== "joining") return;
    if (welcome.resumed) {
      if (seq === this.#received + 1) this.#received = seq;
    } else {
      this.#received = seq ?? 0;
      this.#acked = 0;
    }
    clearTimeout(this.#timer);
    this.#secret = welcome.session;
    this.#entered = true;
    this.#attempt = 0;
    this.#state = "live";
    this.#liveness.start();
    // Copied: what the owner sends while it is told must not be sent twice.
    const missed = [...this.#outbox.unacknowledged];
    for (const message of missed) this.#write(message);
    this.#requests.run();
    this.owner.welcome(welcome);
    this.owner.reachable(true);
  }

  /** Errors that are about the session itself; false when it is an answer to a request. */
  #refused(message: ServerEnvelope & { type: "error" }): boolean {
    const error = SwitchyardError.from(message.body);
    const handshake = this.#state === "joining" && (!message.re || message.re === this.#handshake);
    if (!handshake && !(error.fatal && !message.re)) return false;
    if (error.code === "session-unknown") {
      this.#lose();
      if (this.#state === "joining") void this.#join();
      else this.#drop();
    } else if (error.retryable && (this.#entered || error.code === "shutting-down")) {
      // Who was in stays in if possible; who wants in is told at once that the room is full.
      this.#drop();
    } else {
      this.#finish(error);
    }
    return true;
  }

  /** The server knows our session no more: what it was asked is void. */
  #lose(): void {
    this.#secret = undefined;
    this.#received = this.#acked = 0;
    this.#outbox = new Outbox(1); // 1 is the join's
    this.#requests.failAll(
      new SwitchyardError("session-unknown", "The connection was lost for too long; joining again.", true),
    );
  }
}

function closedError(): SwitchyardError {
  return new SwitchyardError("closed", "The room was left.");
}

function asError(e: unknown): SwitchyardError {
  if (e instanceof SwitchyardError) return e;
  return new SwitchyardError("internal", e instanceof Error ? e.message : String(e));
}

/** The server is trusted to follow the protocol, but a proxy in between may say anything. */
function parse(text: string): ServerEnvelope | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || !("type" in value)) return undefined;
    return value as ServerEnvelope;
  } catch {
    return undefined;
  }
}
