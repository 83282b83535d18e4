// The keys that a handshake gives (docs/transfer.md, Handshake and Sealed signals), and the boxes that are sealed with them.
import { b64, concat, fromB64, fromUTF8, random, sameSecret, utf8, type Bytes } from "./bytes";

export type Side = "sender" | "receiver";

const prefix = "switchyard transfer v1 ";
const nonceSize = 12;
const confirmText = utf8("confirm");

/** HKDF-SHA256 (RFC 5869), 32 bytes; as a rule without salt. */
export async function hkdf(secret: Bytes, info: Uint8Array, salt: Bytes = new Uint8Array(0)): Promise<Bytes> {
  const key = await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveBits"]);
  const params = { name: "HKDF", hash: "SHA-256", salt, info: concat(info) };
  return new Uint8Array(await crypto.subtle.deriveBits(params, key, 256));
}

/** An AES-256-GCM key. */
export function aesKey(bytes: Bytes): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", bytes, "AES-GCM", false, ["encrypt", "decrypt"]);
}

/** What one end of a finished handshake holds. */
export class Keys {
  private constructor(
    readonly side: Side,
    readonly confirmation: Bytes,
    readonly expected: Bytes,
    readonly sealKey: CryptoKey,
    readonly openKey: CryptoKey,
    /** Of the relay, by the side that seals with it. */
    readonly relay: Readonly<Record<Side, Bytes>>,
    /** What two devices keep that want to know each other again. */
    readonly pair: Bytes,
  ) {}

  static async of(isk: Bytes, side: Side): Promise<Keys> {
    const other: Side = side === "sender" ? "receiver" : "sender";
    const key = (what: string) => hkdf(isk, utf8(prefix + what));
    return new Keys(
      side,
      await confirm(await key(`confirm ${side}`)),
      await confirm(await key(`confirm ${other}`)),
      await aesKey(await key(`seal ${side}`)),
      await aesKey(await key(`seal ${other}`)),
      { sender: await key("relay sender"), receiver: await key("relay receiver") },
      await key("pair"),
    );
  }

  /** Whether the other end has the same key. */
  confirmedBy(confirmation: Bytes): boolean {
    return sameSecret(this.expected, confirmation);
  }

  async seal(plaintext: string, additional: string): Promise<string> {
    const iv = random(nonceSize);
    const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: utf8(additional) }, this.sealKey, utf8(plaintext));
    return b64(concat(iv, new Uint8Array(sealed)));
  }

  /** Undefined where it was not sealed by the other end for this. */
  async open(box: unknown, additional: string): Promise<string | undefined> {
    const bytes = fromB64(box);
    if (!bytes || bytes.length < nonceSize) return undefined;
    const iv = bytes.subarray(0, nonceSize);
    try {
      const params = { name: "AES-GCM", iv, additionalData: utf8(additional) };
      return fromUTF8(new Uint8Array(await crypto.subtle.decrypt(params, this.openKey, bytes.subarray(nonceSize))));
    } catch {
      return undefined;
    }
  }
}

async function confirm(key: Bytes): Promise<Bytes> {
  const hmac = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", hmac, confirmText));
}
