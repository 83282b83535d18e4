import { describe, expect, it } from "vitest";
import vectors from "../../../../engine/pake/testdata/transfer.json";
import { fromB64, lv, utf8, type Bytes } from "../../src/transfer/bytes";
import { cpaceKey, cpaceShare, generator } from "../../src/transfer/cpace";
import { Greeting, parseSecret, parseWord, Welcoming } from "../../src/transfer/handshake";
import { Keys } from "../../src/transfer/keys";
import { codeSecret, codeText, keyText, linkSecret, newCode, newKey, parseCode, parseKey } from "../../src/transfer/link";
import { firstWords, secondWords } from "../../src/transfer/words";

const hex = (s: string): Bytes => Uint8Array.from(s.match(/../g) ?? [], (b) => parseInt(b, 16));
const text = (b: Uint8Array) => [...b].map((v) => v.toString(16).padStart(2, "0")).join("");

interface Exchange {
  name: string;
  key?: string;
  passphrase?: string;
  code?: string;
  room: string;
  receiver: string;
  sender: string;
  prs: string;
  ci: string;
  sid: string;
  generator: string;
  scalars: { receiver: string; sender: string };
  shares: { receiver: string; sender: string };
  isk: string;
  confirms: { receiver: string; sender: string };
  keys: Record<string, string>;
  boxes: { by: string; aad: string; plaintext: string; box: string }[];
}

const exchanges = vectors.exchanges as Exchange[];

describe("the exchanges of engine/pake", () => {
  it.each(exchanges.map((e) => [e.name, e] as const))("%s", async (_name, e) => {
    const code = parseCode(e.code ?? "");
    const prs = e.key ? linkSecret(hex(e.key), e.passphrase ?? "") : "wrong" in code ? utf8("") : codeSecret(code);
    expect(text(prs)).toBe(e.prs);
    const ci = lv(utf8("switchyard transfer v1"), utf8(e.room), utf8(e.receiver), utf8(e.sender));
    expect(text(ci)).toBe(e.ci);
    const input = { secret: prs, channel: ci, session: hex(e.sid) };
    expect(text(await generator(input))).toBe(e.generator);
    const [r, s] = [await cpaceShare(input, hex(e.scalars.receiver)), await cpaceShare(input, hex(e.scalars.sender))];
    expect([text(r.share), text(s.share)]).toEqual([e.shares.receiver, e.shares.sender]);
    const isk = await cpaceKey(input, r, s.share, true);
    expect([text(isk), text(await cpaceKey(input, s, r.share, false))]).toEqual([e.isk, e.isk]);
    const keys = { receiver: await Keys.of(isk, "receiver"), sender: await Keys.of(isk, "sender") };
    expect([text(keys.sender.pair), text(keys.receiver.pair)]).toEqual([e.keys.pair, e.keys.pair]);
    for (const side of ["receiver", "sender"] as const) {
      expect(text(keys[side].confirmation)).toBe(e.confirms[side]);
      expect(text(keys.sender.relay[side])).toBe(e.keys[`relay ${side}`]);
    }
    expect(keys.receiver.confirmedBy(keys.sender.confirmation)).toBe(true);
    expect(keys.receiver.confirmedBy(keys.receiver.confirmation)).toBe(false);
    for (const box of e.boxes) {
      const other = box.by === "receiver" ? keys.sender : keys.receiver;
      expect(await other.open(box.box, box.aad)).toBe(box.plaintext);
      expect(await other.open(box.box, `${box.aad}!`)).toBeUndefined();
      expect(await keys[box.by as "receiver" | "sender"].open(box.box, box.aad)).toBeUndefined();
    }
  });
});

describe("a handshake", () => {
  const parties = { room: "transfer-x", receiver: "r-1", sender: "sender" };
  const secret = linkSecret(new Uint8Array(16).fill(7), "");

  it("gives both ends keys for each other", async () => {
    const g = await Greeting.begin(parties, "link", secret);
    const w = await Welcoming.answer(parties, secret, parseWord(JSON.parse(JSON.stringify(g.hello)))!);
    const { keys, say } = await g.answered(w!.answer);
    expect(say.t).toBe("confirm");
    expect(w!.confirmed(say)).toBe(true);
    const box = await keys!.seal('{"relay":true}', "data");
    expect(parseSecret(await w!.keys.open(box, "data"))).toEqual({ relay: true });
    expect(await w!.keys.open(`${box.slice(0, -2)}AA`, "data")).toBeUndefined();
  });

  it("is refused by who knows another secret, or stands elsewhere", async () => {
    const g = await Greeting.begin(parties, "link", linkSecret(new Uint8Array(16).fill(7), "guess"));
    const w = await Welcoming.answer(parties, secret, g.hello);
    expect(await g.answered(w!.answer)).toEqual({ say: { t: "refused", reason: "wrong-secret" } });
    const h = await Greeting.begin({ ...parties, receiver: "r-2" }, "link", secret);
    const x = await Welcoming.answer(parties, secret, h.hello);
    expect((await h.answered(x!.answer)).keys).toBeUndefined();
    expect(x!.confirmed({ t: "confirm", confirm: x!.answer.confirm! })).toBe(false); // its own words
  });

  it("survives nonsense", async () => {
    const g = await Greeting.begin(parties, "link", secret);
    expect(await Welcoming.answer(parties, secret, { t: "hello", share: "x", nonce: "y" })).toBeUndefined();
    expect(await Welcoming.answer(parties, secret, { ...g.hello, share: "A".repeat(43) })).toBeUndefined(); // low order
    expect((await g.answered({ t: "hello" })).keys).toBeUndefined();
    for (const payload of [null, 1, "x", [], {}, { t: 1 }, { t: "hello", share: 5 }, { t: "x", box: "y".repeat(20_000) }]) expect(parseWord(payload)).toBeUndefined();
    for (const s of [undefined, "", "[", "1", "null"]) expect(parseSecret(s)).toBeUndefined();
    expect(parseSecret('{"link":5,"relay":1,"bye":false}')).toEqual({});
  });
});

describe("links and codes", () => {
  it("has the words of engine/pake", () => expect({ first: firstWords, second: secondWords }).toEqual(vectors.words));

  it("reads the keys that it writes, and no others", () => {
    for (const passphrase of [true, false]) {
      const key = newKey(passphrase);
      expect(parseKey(keyText(key))).toEqual(key);
      expect(parseKey(keyText(key).slice(0, -3))).toBeUndefined();
    }
    for (const s of ["", ".p", "a", "AAAAAAAAAAAAAAAAAAAAA+"]) expect(parseKey(s)).toBeUndefined();
    expect(fromB64("A")).toBeUndefined();
  });

  it.each(["7-acorn-umbrella", "7 Acorn UMBRELLA", " 7acornumbrella ", "07--acorn_umbrella", "7-acorm-umbrella", "7 acorn umbrela"])("reads %s", (typed) => {
    const code = parseCode(typed);
    expect("wrong" in code ? code : codeText(code)).toBe("7-acorn-umbrella");
  });

  it.each([["", ""], ["acorn-umbrella", ""], ["7-acorn", ""], ["0-acorn-umbrella", ""], ["7-acorn-umbrella-x", ""], ["7-qqqqq-umbrella", "qqqqq"]])("does not read %s", (typed, wrong) => {
    expect(parseCode(typed)).toMatchObject({ wrong });
  });

  it("makes codes that it can read", () => {
    for (let i = 0; i < 300; i++) {
      const code = newCode(i + 1);
      expect(parseCode(codeText(code))).toEqual(code);
      expect(parseCode(codeText(code).replaceAll("-", ""))).toEqual(code);
    }
  });
});
