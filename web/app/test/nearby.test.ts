import { describe, expect, it } from "vitest";
import vectors from "../../../engine/pake/testdata/transfer.json";
import { b64, type Bytes } from "../../sdk/src/transfer/bytes";
import { deviceKind } from "../src/transfer/nearby";
import { pairWas } from "../../sdk/src/transfer/pair";
import { forgetPair, pairID, pairs, rememberPair, renamePair } from "../src/transfer/pairs";
import { NearbyKey, openOffer, sealOffer } from "../src/transfer/nearbybox";

const hex = (s: string): Bytes => Uint8Array.from(s.match(/../g) ?? [], (b) => parseInt(b, 16));
const ends = { room: "nearby-x", sender: "n-a", receiver: "n-b" };
const offer = { id: "ABCDEFGHIJKLMNOPQRSTUVWXYZ", key: "AAAAAAAAAAAAAAAAAAAA_-.p", name: "holiday.zip", bytes: 5 };

describe("an offer to a device nearby", () => {
  it("is read by that device alone", async () => {
    const [mine, other] = [await NearbyKey.make(), await NearbyKey.make()];
    const said = JSON.parse(JSON.stringify(await sealOffer(offer, ends, mine.share)));
    expect(JSON.stringify(said)).not.toContain(offer.id);
    expect(await openOffer(said, ends, mine)).toEqual(offer);
    expect(await openOffer(said, ends, other)).toBeUndefined();
  });

  it("is between the two of a pair alone", async () => {
    const mine = await NearbyKey.make();
    const [pair, other] = [new Uint8Array(32).fill(7), new Uint8Array(32).fill(8)];
    const said = await sealOffer(offer, ends, mine.share, pair);
    expect(await openOffer(said, ends, mine, pair)).toEqual(offer);
    for (const wrong of [other, undefined]) expect(await openOffer(said, ends, mine, wrong)).toBeUndefined();
    expect(await openOffer(await sealOffer(offer, ends, mine.share), ends, mine, pair)).toBeUndefined(); // a stranger's, whom the server let in
  });

  it("is that of engine/pake", async () => {
    for (const v of vectors.nearby) {
      const to = await NearbyKey.of(hex(v.scalars.receiver));
      const said = { t: "offer", key: b64(hex(v.key)), box: v.box };
      expect(await openOffer(said, v, to, hex(v.pair))).toEqual(JSON.parse(v.plaintext));
      if (v.pair) expect([await pairID(hex(v.pair)), await pairWas(hex(v.pair), v.pairId)]).toEqual([v.pairId, v.was]);
    }
  });

  it("that was moved to another room or sender, or changed, is none", async () => {
    const mine = await NearbyKey.make();
    const said = await sealOffer(offer, ends, mine.share);
    expect(await openOffer(said, { ...ends, sender: "n-c" }, mine)).toBeUndefined();
    expect(await openOffer(said, { ...ends, room: "nearby-y" }, mine)).toBeUndefined();
    expect(await openOffer({ ...said, box: `A${said.box.slice(1)}` === said.box ? `B${said.box.slice(1)}` : `A${said.box.slice(1)}` }, ends, mine)).toBeUndefined();
  });

  it("of any other shape is none", async () => {
    const mine = await NearbyKey.make();
    const { key, box } = await sealOffer(offer, ends, mine.share);
    for (const said of [undefined, null, 7, "offer", {}, { t: "offer" }, { t: "offer", key, box: "" }, { t: "offer", key: "AA", box }, { t: "declined", key, box }]) {
      expect(await openOffer(said, ends, mine)).toBeUndefined();
    }
    for (const wrong of [{ ...offer, id: "../../x" }, { ...offer, key: "short" }, { ...offer, bytes: -1 }, { ...offer, bytes: "5" }, { ...offer, name: 3 }]) {
      expect(await openOffer(await sealOffer(wrong as typeof offer, ends, mine.share), ends, mine)).toBeUndefined();
    }
  });

  it("a share of low order gives no secret", async () => {
    const mine = await NearbyKey.make();
    await expect(sealOffer(offer, ends, new Uint8Array(32))).rejects.toThrow();
    expect(await openOffer({ t: "offer", key: "A".repeat(43), box: "A".repeat(80) }, ends, mine)).toBeUndefined();
  });
});

it("a device is told as what one holds", () => {
  expect(deviceKind("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile/15E148")).toBe("phone");
  expect(deviceKind("Mozilla/5.0 (Linux; Android 15; Pixel 9) Mobile Safari")).toBe("phone");
  expect(deviceKind("Mozilla/5.0 (Linux; Android 15; SM-X700) Safari")).toBe("tablet");
  expect(deviceKind("Mozilla/5.0 (X11; Linux x86_64) Chrome/156")).toBe("computer");
});

describe("the devices that were paired", () => {
  const secret = (n: number) => b64(new Uint8Array(32).fill(n));
  const names = () => pairs.value.map((p) => p.name);

  it("are remembered, renamed and forgotten", async () => {
    const phone = await rememberPair({ secret: secret(1), name: "phone" });
    await rememberPair({ secret: secret(2), name: "desk" });
    expect(names()).toEqual(["desk", "phone"]);
    renamePair(phone.id, "  Ann's phone ");
    renamePair(phone.id, " ");
    expect(names()).toEqual(["desk", "Ann's phone"]);

    // Paired anew, it is the same one with another secret, under the name that it has here.
    const again = await rememberPair({ secret: secret(3), name: "phone", before: phone.id });
    expect(again.id).not.toBe(phone.id);
    expect(names()).toEqual(["Ann's phone", "desk"]);
    forgetPair(again.id);
    expect(names()).toEqual(["desk"]);
    await expect(rememberPair({ secret: "short", name: "x" })).rejects.toThrow();
    expect(names()).toEqual(["desk"]);
  });
});
