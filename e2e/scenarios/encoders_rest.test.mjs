import assert from "node:assert/strict";
import { scenario } from "../harness/scenario.mjs";
import { eventually, forAWhile } from "../harness/wait.mjs";

/** The layers of the camera: whether each is switched on, and how many frames of it were encoded by now. */
async function layers(person) {
  const { outbound } = await person.stats();
  return new Map(outbound.filter((s) => s.kind === "video" && s.rid).map((s) => [s.rid, s]));
}

/** The layers that are being encoded: those that are on, and those that go on all the same. */
async function working(person) {
  const before = await layers(person);
  await forAWhile(500);
  const after = await layers(person);
  return [...after].filter(([rid, { active, framesEncoded }]) => active || framesEncoded > (before.get(rid)?.framesEncoded ?? 0)).map(([rid]) => rid).sort();
}

scenario("encoders rest while nobody looks, and work again when somebody does", async (stage) => {
  const server = await stage.server();
  const link = await server.invite();
  const chromium = await stage.chromium();
  const anna = await chromium.person("anna");
  await anna.join(link);
  const becomes = (what, layers) => eventually(what, async () => {
    const now = await working(anna);
    if (now.join() !== layers) throw new Error(now.join());
    return true;
  }, { every: 50 });
  await becomes("anna is alone and encodes nothing", "");

  const bert = await chromium.person("bert");
  await bert.page.setViewportSize({ width: 320, height: 480 });
  await bert.join(link);
  await bert.seesOthers(1);
  await eventually("anna encodes for a small tile, and not all", async () => {
    const now = await working(anna);
    if (now.length === 0 || now.includes("f")) throw new Error(now.join());
    return true;
  });
  await eventually("bert gets a small picture", async () => {
    const [picture] = await bert.decoding();
    if (!(picture.frameHeight <= 360)) throw new Error(`${picture.frameWidth}x${picture.frameHeight}`);
    return true;
  });

  await bert.page.goto("about:blank");
  await becomes("nobody looks at anna any more", "");
});
