import assert from "node:assert/strict";
import { scenario } from "../harness/scenario.mjs";
import { eventually, forAWhile } from "../harness/wait.mjs";

/** Frames of the camera that were encoded by now, by layer. */
async function encoded(person) {
  const { outbound } = await person.stats();
  return new Map(outbound.filter((s) => s.kind === "video" && s.rid).map((s) => [s.rid, s.framesEncoded]));
}

/** The layers that are being encoded. */
async function working(person) {
  const before = await encoded(person);
  await forAWhile(500);
  const after = await encoded(person);
  return [...after].filter(([rid, n]) => n > (before.get(rid) ?? 0)).map(([rid]) => rid).sort();
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
  const { inbound } = await bert.stats();
  const picture = inbound.find((s) => s.kind === "video" && s.framesDecoded > 0);
  assert.ok(picture.frameHeight <= 360, `bert gets ${picture.frameWidth}x${picture.frameHeight}`);

  await bert.page.goto("about:blank");
  await becomes("nobody looks at anna any more", "");
});
