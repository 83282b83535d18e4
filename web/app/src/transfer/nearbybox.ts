// What a device sends to one nearby: the link of a transfer, sealed for it alone (docs/transfer.md, Nearby).
import { b64, concat, fromB64, fromUTF8, lv, random, utf8, type Bytes } from "../../../sdk/src/transfer/bytes";
import { x25519 } from "../../../sdk/src/transfer/cpace";
import { aesKey, hkdf } from "../../../sdk/src/transfer/keys";

const info = utf8("switchyard nearby v1");
const additionalData = utf8("nearby");
const basePoint = Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 9 : 0));
const nonceSize = 12;

/** The link, and what the person is asked. */
export interface NearbyOffer {
  id: string;
  /** As it stands in the fragment. */
  key: string;
  name: string;
  bytes: number;
}

/** Between whom: names as the room has them. */
export interface Ends {
  room: string;
  sender: string;
  receiver: string;
}

/** A pair of keys for the time in one room. */
export class NearbyKey {
  private constructor(
    readonly scalar: Bytes,
    readonly share: Bytes,
  ) {}

  static make(): Promise<NearbyKey> {
    return NearbyKey.of(random(32));
  }

  static async of(scalar: Bytes): Promise<NearbyKey> {
    return new NearbyKey(scalar, await x25519(scalar, basePoint));
  }
}

const nothing: Bytes = new Uint8Array(0);

/** Seals for who has told this share; between the two of a pair also with its secret, which no server knows. */
export async function sealOffer(offer: NearbyOffer, ends: Ends, theirs: Bytes, pair = nothing): Promise<{ t: "offer"; key: string; box: string }> {
  const mine = await NearbyKey.make();
  const key = await boxKey(ends, await x25519(mine.scalar, theirs), mine.share, theirs, pair);
  const iv = random(nonceSize);
  const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData }, key, utf8(JSON.stringify(offer)));
  return { t: "offer", key: b64(mine.share), box: b64(concat(iv, new Uint8Array(sealed))) };
}

/** Undefined where it is no offer for us. */
export async function openOffer(said: unknown, ends: Ends, mine: NearbyKey, pair = nothing): Promise<NearbyOffer | undefined> {
  const { t, key, box } = (said ?? {}) as Record<string, unknown>;
  const theirs = fromB64(key, 32);
  const bytes = fromB64(box);
  if (t !== "offer" || !theirs || !bytes || bytes.length <= nonceSize) return undefined;
  try {
    const opening = await boxKey(ends, await x25519(mine.scalar, theirs), theirs, mine.share, pair);
    const params = { name: "AES-GCM", iv: bytes.subarray(0, nonceSize), additionalData };
    const text = fromUTF8(new Uint8Array(await crypto.subtle.decrypt(params, opening, bytes.subarray(nonceSize))));
    return checked(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function boxKey({ room, sender, receiver }: Ends, secret: Bytes, sendersKey: Bytes, receiversKey: Bytes, pair: Bytes): Promise<CryptoKey> {
  const about = lv(utf8(room), utf8(sender), utf8(receiver), sendersKey, receiversKey);
  return hkdf(secret, concat(info, about), pair).then(aesKey);
}

function checked(offer: unknown): NearbyOffer | undefined {
  const { id, key, name, bytes } = (offer ?? {}) as Record<string, unknown>;
  if (typeof id !== "string" || !/^[A-Z2-7]{26}$/.test(id)) return undefined;
  if (typeof key !== "string" || !/^[\w-]{22}(\.p)?$/.test(key)) return undefined;
  if (typeof name !== "string" || typeof bytes !== "number" || !(bytes >= 0)) return undefined;
  return { id, key, name: name.slice(0, 200), bytes };
}
