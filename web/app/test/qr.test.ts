import { describe, expect, it } from "vitest";
import { encodeQR, qrPath, type QRCode } from "../src/qr";

// Made by libqrencode 4.1 (byte mode, level M): versions 1, 3, 4, 7, 10 and text beyond ASCII. Each row is a
// number in base 32, the leftmost module its highest bit; the mask is the one that it had chosen.
const known = [
  {
    text: "Switchyard",
    mask: 1,
    rows:
      "1vlrv 10ga1 1elit 1ehat 1eiat 10m21 1vlbv 3g0 18rp5 1le0r 6g2h 2fdb gp1b 5hm 1vlsl 10gk9 1eht2 1eh4o " +
      "1el6v 10g9o 1vm7p",
  },
  {
    text: "http://localhost:8080/r/calm-otter-421",
    mask: 7,
    rows:
      "fskcjv 84nca1 bks3qt bkgc2t bkbbat 853vq1 ftalbv ur00 9dccd0 7iu269 6nm3qu f8ohtu 9ea2mb 2js2k4 " +
      "3vq34n cj5vja 6dfika i46b1 a594bb 107a13 be8gvk 1f48n fs7gai 85rdon bkojfj bl6gbu bkrich 84fn8i " +
      "ftnqpa",
  },
  {
    text: "https://meet.example/i/ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    mask: 3,
    rows:
      "7uh6ujv 42t93i1 5q9slqt 5qg4rit 5qd2hqt 42ae0a1 7ulalbv h7po0 5n6v22b 5ggnrrc 539ijjr 6pa1cdb " +
      "6nve749 4hpo7ve 4bhht3c 3o6426s 1ja1nuo s887uq 1jl4i1m 3sfbguj 6e5a08v 41s6749 1fitcsr 3knkkh8 " +
      "5m889fk rqaop 7ul1pqg 42g1jos 5qdjlvk 5qgqahd 5qu7jrc 427hd3h 7ui2mmg",
  },
  {
    text: "https://meet.example.org:8443/i/ABCDEFGHIJKLMNOPQRSTUVWXYZ/and/a/long/way/on/to/the/end/of/version/seven/so/far",
    mask: 4,
    rows:
      "vro0q9kbv g8jmdl6i1 n9fflqmit nah5ka8qt naj9v3jqt gavbhou21 vqlalalbv 3eghkk00 hfcrvc6np k1m6toivo " +
      "gb3499ufm i36jn6id0 ibc3614f6 ujn00auro 3odsknv86 8m1pc9l72 nquubsn11 7hbg7fqq6 fo9ao9uac 16iaf2tfg " +
      "7vvnvc5fp p20khtiou 7blalneao 72enhsloi fv4kvl6vq 50jiv9it6 78labeug2 2h4asgi3j gps38t65k u4ijpdil6 " +
      "9bbaknnhi sktuel7rp ve0bj9uah jku05vuj6 1foqj9okm f4gtoql11 jf08vlefg 3tuh1qou vruml6eaq g9crho58j " +
      "nabvv4uvo n8tqudmgm n9kutpk2u g8epok2c0 vq29jc5ll",
  },
  {
    text: "https://a-long-name-of-a-server.in-a-department.example.org:8443/r/a-room-whose-name-is-as-long-as-it-may-be-that-is-64-characters0?x=yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy",
    mask: 6,
    rows:
      "3vae8577ajjv 21cn6q1k32i1 2tdi4mko8fit 2t51hivtvmit 2tdkolvhooit 2159qn2r8b21 3valalalalbv e7926a000 " +
      "2frphju7nhkn 2ibghsvvftqg 21legv84m3dn 62b6eoktei4 1b9aacrheljh qqqa8ib9mrm 1fjikjt8rc3g " +
      "3gvjeqga13id d8qr12hstl2 cqilkrdmp8r hftjlg2328l 3g9t8j80mp9t 2dlac3e7216r 4bhafvtvjui 1bkntn9ln91f " +
      "22mh2chisk76 hgeaqcl3l2h 6mvseuqcqra 27tbbfvis4vs 1kf71l30ca8v 1lfejhbjgsqq 1sfka73d6r8v " +
      "1ftgb5v3mafh 3sipkdoau0km 3h3vbum7vj22 4p4q4dvrvfl 351ptmq663ei 3sikadkk867c 1r14mjqpbdk3 " +
      "ce9luobdij0 1lv4leio8aos 3a3h42ke5gkv 39hqc8dpo4og i5pblqlnrrl 9gi0oao44fd 1q4n5lc4f9tv 27ln73g5rh08 " +
      "ss04sfsfrns 2jnq5am77975 3skgm0vipe7m 168pbul2nvp dg0f2rdmoo 3vb3albi9eas 21em4t26sa8v 2tc20vvtsufp " +
      "2tdodj5d0r7c 2t1kkaa2kaev 2162697eigr7 3vf6n8g33h78",
  },
  {
    text: "Grüße aus Köln ☎ 电话",
    mask: 0,
    rows:
      "fs95jv 85mt21 bkpmat bkvqit bl4gqt 84h3i1 ftalbv hk80 akuroi do0rk5 fvv0ok pc9j5 8v26k5 1gdcla " +
      "8eatra 9ink3f d4er9d 5jooa5 bt72vr 62k9m1 av25fj 11doi fsesqv 849noq bl6pfi bk4ooo bl42hl 84roq2 " +
      "fth4qj",
  },
];

function rowsOf(code: QRCode): string {
  const row = (r: number) => Array.from({ length: code.size }, (_, c) => (code.dark(r, c) ? "1" : "0")).join("");
  return Array.from({ length: code.size }, (_, r) => BigInt(`0b${row(r)}`).toString(32)).join(" ");
}

describe("a QR code", () => {
  it.each(known)("of $text is as another encoder makes it", ({ text, mask, rows }) => {
    const code = encodeQR(text, mask);
    expect(code && rowsOf(code)).toBe(rows);
  });

  it("is one of the eight that it can be, always the same", () => {
    const all = [0, 1, 2, 3, 4, 5, 6, 7].map((mask) => encodeQR("Switchyard", mask)).map((c) => c && rowsOf(c));
    expect(new Set(all).size).toBe(8);
    const chosen = [1, 2].map(() => encodeQR("Switchyard")).map((c) => c && rowsOf(c));
    expect(chosen[0]).toBe(chosen[1]);
    expect(all).toContain(chosen[0]);
  });

  it.each([[0, 21], [14, 21], [15, 25], [106, 41], [107, 45], [180, 53], [181, 57], [213, 57]])("of %d bytes has a side of %d", (bytes, side) => {
    expect(encodeQR("x".repeat(bytes))?.size).toBe(side);
  });

  it("is not made of what does not fit", () => {
    expect(encodeQR("x".repeat(214))).toBeUndefined();
    expect(encodeQR("ü".repeat(107))).toBeUndefined();
  });

  it("is drawn module for module", () => {
    const code = encodeQR("Switchyard");
    if (!code) throw new Error("no code");
    const drawn = new Set<string>();
    for (const [, x, y, n] of qrPath(code).matchAll(/M(\d+) (\d+)h(\d+)v1h-\d+z/g)) {
      for (let i = 0; i < Number(n); i++) drawn.add(`${y},${Number(x) + i}`);
    }
    for (let r = 0; r < code.size; r++) {
      for (let c = 0; c < code.size; c++) expect(drawn.has(`${r},${c}`)).toBe(code.dark(r, c));
    }
  });
});
