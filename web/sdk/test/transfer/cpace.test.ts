import { afterEach, describe, expect, it, vi } from "vitest";
import { utf8, type Bytes } from "../../src/transfer/bytes";
import { cpaceKey, cryptoFault, cpaceShare, elligator2, generator, x25519 } from "../../src/transfer/cpace";

const hex = (s: string): Bytes => Uint8Array.from(s.match(/../g) ?? [], (b) => parseInt(b, 16));
const text = (b: Uint8Array) => [...b].map((v) => v.toString(16).padStart(2, "0")).join("");

// Appendix B.1 of draft-irtf-cfrg-cpace.
const draft = {
  input: { secret: utf8("Password"), channel: hex("0a41696e69746961746f720a42726573706f6e646572"), session: hex("7e4b4791d6a8ef019b936c79fb7f2c57") },
  ya: hex("45acf93116ae5d3dae995a7c627df2924321a8e857d9a200807131e38839b0c2"),
  yb: hex("a145e914b347002d298ce2051394f0ed68cf3623dfe5db082c78ffa5a667acdc"),
  Ya: "6f7fd31863b18b0cc9830fc842c60dea80120ccf2fd375498225e45a52065361",
  Yb: "e1b730a4956c0f853d96c5d125cebeeea46952c07c6f66da65bd9ffd2f71a462",
  K: "2a905bc5f0b93ee72ac4b6ea8723520941adfc892935bf6f86d9e199befa6024",
};

describe("cpace", () => {
  afterEach(() => void vi.unstubAllGlobals());

  it("says what is missing", async () => {
    expect(await cryptoFault()).toBeUndefined();
    vi.stubGlobal("crypto", { getRandomValues: crypto.getRandomValues.bind(crypto), subtle: { importKey: () => Promise.reject(new Error("NotSupported")) } });
    expect(await cryptoFault()).toMatch(/newer/);
    vi.stubGlobal("crypto", {});
    expect(await cryptoFault()).toMatch(/https/);
  });

  it("maps and multiplies as the draft's vectors say", async () => {
    expect(text(elligator2(hex("10047198e8c4cacf0ab8a6d0ac337b8ae497209d042f7f3a5094586394e821fc")))).toBe(
      "4e6098733061c0e8486611a904fe5edb049804d26130a44131a6229e55c5c321",
    );
    expect(text(await generator(draft.input))).toBe("4e6098733061c0e8486611a904fe5edb049804d26130a44131a6229e55c5c321");
    expect(text((await cpaceShare(draft.input, draft.ya)).share)).toBe(draft.Ya);
    expect(text((await cpaceShare(draft.input, draft.yb)).share)).toBe(draft.Yb);
    expect(text(await x25519(draft.ya, hex(draft.Yb)))).toBe(draft.K);
  });

  it("gives both ends one key, and another for another secret", async () => {
    const [a, b] = [await cpaceShare(draft.input), await cpaceShare(draft.input)];
    const keyA = await cpaceKey(draft.input, a, b.share, true);
    expect(text(keyA)).toBe(text(await cpaceKey(draft.input, b, a.share, false)));
    const wrong = { ...draft.input, secret: utf8("password") };
    const c = await cpaceShare(wrong);
    expect(text(await cpaceKey(wrong, c, a.share, false))).not.toBe(text(await cpaceKey(draft.input, a, c.share, true)));
  });

  it.each([
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  ])("refuses the low order point %s", async (u) => {
    await expect(x25519(hex("af46e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449aff"), hex(u))).rejects.toThrow();
  });

  it.each([
    ["daffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", "d8e2c776bbacd510d09fd9278b7edcd25fc5ae9adfba3b6e040e8d3b71b21806"],
    ["dbffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", "c85c655ebe8be44ba9c0ffde69f2fe10194458d137f09bbff725ce58803cdb38"],
    ["4c9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f11d7", "993c6ad11c4c29da9a56f7691fd0ff8d732e49de6250b6c2e80003ff4629a175"],
  ])("ignores bit 255 of %s", async (u, q) => {
    expect(text(await x25519(hex("af46e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449aff"), hex(u)))).toBe(q);
  });
});
