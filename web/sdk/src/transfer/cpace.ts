// CPace (draft-irtf-cfrg-cpace, G_X25519 with SHA-512, initiator-responder): two ends that know the same secret get a key that
// nobody who guesses can have. The Go side is engine/pake.
import { concat, lv, utf8, type Bytes } from "./bytes";

const p = 2n ** 255n - 19n;
const montgomeryA = 486662n;
const hashBlock = 128; // bytes of a SHA-512 block
const dsi = utf8("CPace255");
const dsiISK = utf8("CPace255_ISK");
const pkcs8 = Uint8Array.from([0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x6e, 4, 0x22, 4, 0x20]); // RFC 8410 §7

/** Why there can be no handshake here, as a sentence; undefined where there can. */
export async function cryptoFault(): Promise<string | undefined> {
  if (!(crypto as Partial<Crypto>).subtle) return "Browsers encrypt on secure pages only. Open this page by https://.";
  const base = Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 9 : 0));
  return x25519(crypto.getRandomValues(new Uint8Array(32)), base).then(
    () => undefined,
    () => "This browser is too old to encrypt what is sent. Use a newer one.",
  );
}

/** What both ends bring into a handshake. */
export interface CPaceInput {
  /** PRS: the secret that both know. */
  readonly secret: Uint8Array;
  /** CI: who they are and where. */
  readonly channel: Uint8Array;
  /** sid: the initiator's nonce. */
  readonly session: Uint8Array;
}

/** One end's half of a handshake. */
export interface CPaceShare {
  readonly scalar: Bytes;
  /** What the other end gets. */
  readonly share: Bytes;
}

/** Makes this end's share, with a scalar of its own; tests give one. */
export async function cpaceShare(input: CPaceInput, scalar = crypto.getRandomValues(new Uint8Array(32))): Promise<CPaceShare> {
  const share = await x25519(scalar, await generator(input));
  return { scalar, share };
}

/** The intermediate session key, of 64 bytes. Throws where the other end's share is one that gives the key away. */
export async function cpaceKey(input: CPaceInput, mine: CPaceShare, theirs: Bytes, initiator: boolean): Promise<Bytes> {
  const point = await x25519(mine.scalar, theirs);
  const none = new Uint8Array(0); // the associated data of both ends
  const [a, b] = initiator ? [mine.share, theirs] : [theirs, mine.share];
  return sha512(concat(lv(dsiISK, input.session, point), lv(a, none), lv(b, none)));
}

/** calculate_generator of the draft. */
export async function generator(input: CPaceInput): Promise<Bytes> {
  const pad = hashBlock - 1 - lv(input.secret).length - lv(dsi).length;
  const text = lv(dsi, input.secret, new Uint8Array(Math.max(0, pad)), input.channel, input.session);
  return elligator2((await sha512(text)).subarray(0, 32));
}

/** Multiplies as RFC 7748 §5 says; throws where the result is the neutral element. */
export async function x25519(scalar: Uint8Array, u: Bytes): Promise<Bytes> {
  const { subtle } = crypto;
  const secret = await subtle.importKey("pkcs8", concat(pkcs8, scalar), "X25519", false, ["deriveBits"]);
  const point = await subtle.importKey("raw", u, "X25519", false, []);
  const result = new Uint8Array(await subtle.deriveBits({ name: "X25519", public: point }, secret, 256));
  if (result.every((b) => b === 0)) throw new Error("cpace: the other end's share is of low order");
  return result;
}

/** Maps 32 bytes onto the u-coordinate of a point: Elligator 2 with the non-square 2. What it maps is a hash, and it is done
 * once per handshake, so that its time tells nothing worth knowing. */
export function elligator2(bytes: Uint8Array): Bytes {
  const r = decode(bytes);
  const v = mod(-montgomeryA * power(1n + 2n * r * r, p - 2n));
  const square = mod(v * v * v + montgomeryA * v * v + v);
  const nonSquare = power(square, (p - 1n) / 2n) === p - 1n;
  return encode(nonSquare ? mod(-v - montgomeryA) : v);
}

function decode(bytes: Uint8Array): bigint {
  let n = 0n;
  for (let i = 31; i >= 0; i--) n = (n << 8n) | BigInt((bytes[i] ?? 0) & (i === 31 ? 0x7f : 0xff));
  return mod(n);
}

function encode(n: bigint): Bytes {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((n >> BigInt(8 * i)) & 0xffn));
}

function mod(n: bigint): bigint {
  const r = n % p;
  return r < 0n ? r + p : r;
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let b = mod(base), e = exponent; e > 0n; e >>= 1n, b = mod(b * b)) if (e & 1n) result = mod(result * b);
  return result;
}

async function sha512(bytes: Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest("SHA-512", bytes));
}
