// A way through the server, sealed between the two ends: one lane over a WebSocket (docs/transfer.md, Ways).
import { concat, random, utf8, type Bytes } from "./bytes";
import { aesKey, hkdf, type Keys } from "./keys";
import { Inbox, maxMessage, type Lane, type Way } from "./lane";

const subprotocol = "switchyard.relay.v1";
const randomSize = 16;
const highWater = 2 << 20; // bytes that the WebSocket may hold
const pollEvery = 5; // ms: a WebSocket does not say when it has sent
const patience = 30_000; // ms that the other end may take to come

/** Meets the peer at the relay. */
export async function dialRelay(server: string, room: string, token: string, peer: string, keys: Keys): Promise<RelayWay> {
  const url = new URL(`/v1/relay/${encodeURIComponent(room)}`, server);
  url.protocol = url.protocol.replace(/^http/, "ws");
  url.searchParams.set("token", token);
  url.searchParams.set("peer", peer);
  const ours = random(randomSize);
  const lane = new RelayLane(new WebSocket(url, subprotocol));
  const timer = setTimeout(() => lane.close(), patience);
  try {
    await lane.opened;
    lane.socket.send(ours);
    const theirs = await lane.raw.next();
    if (theirs?.length !== randomSize) throw new Error("The other end did not come to the relay.");
    const fresh = keys.side === "sender" ? concat(ours, theirs) : concat(theirs, ours);
    const key = async (k: Bytes) => aesKey(await hkdf(k, concat(utf8("relay"), fresh)));
    const other = keys.side === "sender" ? "receiver" : "sender";
    lane.begin(await key(keys.relay[keys.side]), await key(keys.relay[other]));
    return new RelayWay(lane);
  } catch (e) {
    lane.close();
    throw e;
  } finally {
    clearTimeout(timer);
  }
}

export class RelayWay implements Way {
  readonly kind = "relay";
  readonly direct = false;
  #given = false;

  constructor(readonly lane: RelayLane) {}

  async open(): Promise<Lane> {
    if (this.#given) throw new Error("The relay has one lane.");
    this.#given = true;
    return this.lane;
  }

  async accept(): Promise<Lane | undefined> {
    if (this.#given) return this.lane.ended.then(() => undefined);
    this.#given = true;
    return this.lane;
  }

  close(): void {
    this.lane.close();
  }
}

class RelayLane implements Lane {
  readonly opened: Promise<void>;
  readonly ended: Promise<void>;
  /** As it comes from the server. */
  readonly raw = new Inbox<Bytes>();
  #sealKey: CryptoKey | undefined;
  #openKey: CryptoKey | undefined;
  #sent = 0;
  #received = 0;
  #sending: Promise<unknown> = Promise.resolve();
  #end!: () => void;
  #over = false;

  constructor(readonly socket: WebSocket) {
    socket.binaryType = "arraybuffer";
    this.ended = new Promise((resolve) => (this.#end = resolve));
    this.opened = new Promise((resolve, reject) => {
      socket.onopen = () => resolve();
      socket.onclose = () => {
        reject(new Error("The relay cannot be reached."));
        this.#over = true;
        this.raw.end();
        this.#end();
      };
    });
    socket.onmessage = (e: MessageEvent<unknown>) => {
      if (e.data instanceof ArrayBuffer) this.raw.push(new Uint8Array(e.data));
      else this.close();
    };
  }

  begin(sealKey: CryptoKey, openKey: CryptoKey): void {
    this.#sealKey = sealKey;
    this.#openKey = openKey;
  }

  send(message: Bytes): Promise<void> {
    const turn = this.#sending.then(() => this.#send(message));
    this.#sending = turn.catch(() => {});
    return turn;
  }

  async #send(message: Bytes): Promise<void> {
    while (!this.#over && this.socket.bufferedAmount > highWater) await new Promise((go) => setTimeout(go, pollEvery));
    if (this.#over || !this.#sealKey || message.length > maxMessage) throw new Error("The relay has ended.");
    const box = await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce(this.#sent++) }, this.#sealKey, message);
    if (this.#over) throw new Error("The relay has ended.");
    this.socket.send(box);
  }

  async receive(): Promise<Bytes | undefined> {
    const box = await this.raw.next();
    if (!box || !this.#openKey) return undefined;
    try {
      return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv: nonce(this.#received++) }, this.#openKey, box));
    } catch {
      this.close(); // the server or somebody else meddled with it
      return undefined;
    }
  }

  /** Ends it behind what was sent. */
  close(): void {
    void this.#sending.finally(() => this.socket.close(1000));
  }
}

/** 4 zero bytes and the number of the message. */
function nonce(n: number): Bytes {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  view.setUint32(4, Math.floor(n / 2 ** 32));
  view.setUint32(8, n % 2 ** 32);
  return bytes;
}
