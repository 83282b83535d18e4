// Who meets in a transfer's room proves that they know the link or the code (docs/transfer.md, Handshake).
import { b64, fromB64, lv, random, utf8, type Bytes } from "./bytes";
import { cpaceKey, cpaceShare, type CPaceInput, type CPaceShare } from "./cpace";
import { Keys } from "./keys";

export const version = 1;

/** One message of the room, by `data` with the topic `transfer`. */
export interface Word {
  t: "begin" | "hello" | "confirm" | "refused" | "sealed";
  v?: number;
  by?: string;
  nonce?: string;
  share?: string;
  confirm?: string;
  reason?: string;
  box?: string;
}

export const topic = "transfer";
const maxWord = 16 << 10; // letters of JSON

/** What a sealed word says: one of these. */
export interface Secret {
  /** To who had the code: the link without its server. */
  link?: { id: string; key: string };
  /** Let us meet at the relay. */
  relay?: boolean;
  /** The other end's user gave up, and why. */
  bye?: string;
  /** This code pairs two devices: what the other one is called, and with whom it was paired before, as only those can read. */
  pair?: { name: string; was: string[] };
}

export function parseWord(payload: unknown): Word | undefined {
  if (typeof payload !== "object" || payload === null || !("t" in payload)) return undefined;
  const texts = ["t", "by", "nonce", "share", "confirm", "reason", "box"];
  const fields = payload as Readonly<Record<string, unknown>>;
  if (texts.some((f) => fields[f] !== undefined && typeof fields[f] !== "string")) return undefined;
  return JSON.stringify(payload).length > maxWord ? undefined : (payload as Word);
}

export function parseSecret(text: string | undefined): Secret | undefined {
  try {
    const value: unknown = text === undefined ? undefined : JSON.parse(text);
    if (typeof value !== "object" || value === null) return undefined;
    const { link, relay, bye, pair } = value as Readonly<Record<string, unknown>>;
    const { id, key } = (typeof link === "object" && link !== null ? link : {}) as Readonly<Record<string, unknown>>;
    const { name, was } = (typeof pair === "object" && pair !== null ? pair : {}) as Readonly<Record<string, unknown>>;
    return {
      ...(typeof id === "string" && typeof key === "string" && { link: { id, key } }),
      ...(relay === true && { relay }),
      ...(typeof bye === "string" && { bye }),
      ...(typeof name === "string" && { pair: { name, was: Array.isArray(was) ? was.filter((w) => typeof w === "string") : [] } }),
    };
  } catch {
    return undefined;
  }
}

export interface Parties {
  readonly room: string;
  readonly receiver: string;
  readonly sender: string;
}

function inputOf(parties: Parties, secret: Bytes, session: Bytes): CPaceInput {
  const channel = lv(utf8("switchyard transfer v1"), utf8(parties.room), utf8(parties.receiver), utf8(parties.sender));
  return { secret, channel, session };
}

/** The receiver's side, who begins. */
export class Greeting {
  private constructor(
    readonly hello: Word,
    readonly input: CPaceInput,
    readonly mine: CPaceShare,
  ) {}

  static async begin(parties: Parties, by: "link" | "code", secret: Bytes): Promise<Greeting> {
    const nonce = random(16);
    const input = inputOf(parties, secret, nonce);
    const mine = await cpaceShare(input);
    return new Greeting({ t: "hello", v: version, by, nonce: b64(nonce), share: b64(mine.share) }, input, mine);
  }

  /** Takes the sender's hello: the keys, and what to say; without keys the sender has another secret. */
  async answered(word: Word): Promise<{ keys?: Keys; say: Word }> {
    const share = fromB64(word.share, 32);
    const confirm = fromB64(word.confirm, 32);
    const refused: Word = { t: "refused", reason: "wrong-secret" };
    if (!share || !confirm) return { say: refused };
    try {
      const keys = await Keys.of(await cpaceKey(this.input, this.mine, share, true), "receiver");
      if (!keys.confirmedBy(confirm)) return { say: refused };
      return { keys, say: { t: "confirm", confirm: b64(keys.confirmation), nonce: this.hello.nonce } };
    } catch {
      return { say: refused };
    }
  }
}

/** The sender's side. Whoever gets its answer has one guess at the secret. */
export class Welcoming {
  private constructor(
    readonly by: string,
    readonly keys: Keys,
    readonly answer: Word,
  ) {}

  /** Undefined where the hello is none. */
  static async answer(parties: Parties, secret: Bytes, hello: Word): Promise<Welcoming | undefined> {
    const nonce = fromB64(hello.nonce, 16);
    const share = fromB64(hello.share, 32);
    if (!nonce || !share) return undefined;
    const input = inputOf(parties, secret, nonce);
    try {
      const mine = await cpaceShare(input);
      const keys = await Keys.of(await cpaceKey(input, mine, share, false), "sender");
      const answer: Word = { t: "hello", v: version, nonce: b64(nonce), share: b64(mine.share), confirm: b64(keys.confirmation) };
      return new Welcoming(hello.by ?? "link", keys, answer);
    } catch {
      return undefined; // a share that gives the key away
    }
  }

  confirmed(word: Word): boolean {
    const confirm = fromB64(word.confirm, 32);
    return confirm !== undefined && this.keys.confirmedBy(confirm);
  }
}
