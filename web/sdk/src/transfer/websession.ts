// A WebTransport session with the program at the other end of a link (docs/transfer.md, Ways): bytes cost a browser a quarter of what
// they do over DataChannels.
import type { WebTransportServer } from "../participantlink";
import type { Bytes } from "./bytes";
import { maxMessage, type Lane } from "./lane";

const patience = 1_500; // ms: less than what the other end waits for us
const headSize = 4;
const bufferSize = 256 << 10; // bytes of a lane that are read at once

export function canDial(): boolean {
  return typeof WebTransport === "function";
}

/**
 * Whether a host may be dialled without the browser asking the person, as it does before a page of the internet reaches into the
 * local network.
 */
export async function mayDial(host: string): Promise<boolean> {
  if (!isLocal(host) || isLocal(location.hostname)) return true;
  try {
    const { state } = await navigator.permissions.query({ name: "local-network-access" as PermissionName });
    return state === "granted";
  } catch {
    return true; // a browser that never asks
  }
}

/** Addresses and names of one's own network. */
export function isLocal(host: string): boolean {
  if (/^(localhost|[^.:]+|.*\.(local|localhost|internal|home\.arpa))$/i.test(host)) return true;
  if (/^(127|10)\.|^192\.168\.|^169\.254\.|^172\.(1[6-9]|2\d|3[01])\.|^100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\./.test(host)) return true;
  return /^\[?(::1|f[cd][0-9a-f]{2}:|fe[89ab][0-9a-f]:)/i.test(host);
}

export class WebSession {
  readonly #transport: WebTransport;
  #lanes: StreamLane[] = [];

  private constructor(
    transport: WebTransport,
    /** The other end opened a lane. */
    readonly came: (n: number, lane: StreamLane) => void,
  ) {
    this.#transport = transport;
    void this.#accept().catch(() => {}); // it ends with the session
  }

  /** Rejects where no session is up in time. Host is an address; what is of IPv6 stands in brackets. */
  static async dial(host: string, server: WebTransportServer, came: (n: number, lane: StreamLane) => void): Promise<WebSession> {
    const transport = new WebTransport(`https://${host}:${server.port}/${server.path}`, {
      serverCertificateHashes: [{ algorithm: "sha-256", value: server.certificate }],
      congestionControl: "throughput",
    });
    transport.closed.catch(() => {}); // `closed` below tells who wants to know
    const timer = setTimeout(() => transport.close(), patience);
    try {
      await transport.ready;
    } finally {
      clearTimeout(timer);
    }
    return new WebSession(transport, came);
  }

  /** Resolves when the session has ended, however. */
  get closed(): Promise<unknown> {
    return this.#transport.closed.catch(() => {});
  }

  async open(n: number): Promise<StreamLane> {
    const lane = this.#add(await this.#transport.createBidirectionalStream());
    await lane.greet(n);
    return lane;
  }

  /** Ends the lanes behind what was sent, and then the session. */
  async finish(): Promise<void> {
    await Promise.all(this.#lanes.map((l) => l.finish()));
    this.close();
  }

  close(): void {
    try {
      this.#transport.close();
    } catch {
      // It has ended.
    }
  }

  async #accept(): Promise<void> {
    const streams = this.#transport.incomingBidirectionalStreams.getReader();
    for (let next = await streams.read(); !next.done; next = await streams.read()) {
      const lane = this.#add(next.value);
      const n = await lane.welcome();
      if (n === undefined) lane.close();
      else this.came(n, lane);
    }
  }

  #add(stream: WebTransportBidirectionalStream): StreamLane {
    const lane = new StreamLane(stream);
    this.#lanes.push(lane);
    return lane;
  }
}

/** A stream both ways: each message behind its length in 4 bytes. */
export class StreamLane implements Lane {
  readonly #in: ReadableStreamBYOBReader;
  readonly #out: WritableStreamDefaultWriter<Bytes>;
  #buffer = new ArrayBuffer(bufferSize);
  #from = 0; // what was read and not taken
  #to = 0;

  constructor({ readable, writable }: Pick<WebTransportBidirectionalStream, "readable" | "writable">) {
    this.#in = readable.getReader({ mode: "byob" });
    this.#out = writable.getWriter();
    this.#out.closed.catch(() => {});
  }

  /** Tells the number of a lane, which the other end says back. */
  async greet(n: number): Promise<void> {
    await this.#out.write(Uint8Array.of(n));
    if ((await this.#number()) !== n) throw new Error("The other end took another lane.");
  }

  /** Takes the number of a lane that the other end opens; undefined where it is none. */
  async welcome(): Promise<number | undefined> {
    const n = await this.#number();
    if (n !== undefined) await this.#out.write(Uint8Array.of(n));
    return n;
  }

  async #number(): Promise<number | undefined> {
    if (!(await this.#fill(1))) return undefined;
    const n = new Uint8Array(this.#buffer, this.#from++, 1)[0];
    return n !== undefined && n < 8 ? n : undefined;
  }

  async send(message: Bytes): Promise<void> {
    const head = new Uint8Array(headSize);
    new DataView(head.buffer).setUint32(0, message.length);
    const headed = this.#out.write(head);
    await Promise.all([headed, this.#out.write(message)]);
  }

  /** The message is valid until the next call. */
  async receive(): Promise<Bytes | undefined> {
    try {
      if (!(await this.#fill(headSize))) return undefined;
      const length = new DataView(this.#buffer).getUint32(this.#from);
      if (length <= maxMessage && (await this.#fill(headSize + length))) {
        const message = new Uint8Array(this.#buffer, this.#from + headSize, length);
        this.#from += headSize + length;
        return message;
      }
      this.close();
    } catch {
      // The session has ended.
    }
    return undefined;
  }

  /** Reads until so many bytes are there; false where the stream ended before. */
  async #fill(bytes: number): Promise<boolean> {
    while (this.#to - this.#from < bytes) {
      if (this.#buffer.byteLength - this.#to < headSize + maxMessage) this.#shift();
      const { value } = await this.#in.read(new Uint8Array(this.#buffer, this.#to));
      if (!value) return false;
      this.#buffer = value.buffer as ArrayBuffer; // the same memory: what was there still is
      this.#to += value.length;
      if (value.length === 0) return false;
    }
    return true;
  }

  /** Makes room behind what was not taken. */
  #shift(): void {
    new Uint8Array(this.#buffer).copyWithin(0, this.#from, this.#to);
    this.#to -= this.#from;
    this.#from = 0;
  }

  /** Resolves when what was sent is on its way, and the end behind it. */
  async finish(): Promise<void> {
    await this.#out.close().catch(() => {}); // it has ended
  }

  close(): void {
    void this.finish();
    this.#in.cancel().catch(() => {});
  }
}
