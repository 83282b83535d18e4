import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { scenario } from "../harness/scenario.mjs";
import { bare, contents, hashes, incoming, outgoing, receive, send } from "../harness/transfer.mjs";
import { eventually } from "../harness/wait.mjs";

const sha = (bytes) => createHash("sha256").update(bytes).digest("hex");

async function complete(person) {
  await eventually("it is complete", async () => {
    const now = await incoming(person);
    if (now.state === "ended") throw Object.assign(new Error(JSON.stringify(now)), { final: true });
    if (now.state !== "complete") throw new Error(JSON.stringify([now, await person.page.evaluate(() => window.states)]));
    return true;
  }, { within: 30_000 });
}

scenario("files go from page to page", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const [anna, bert, cleo] = [await chromium.person("anna"), await chromium.person("bert"), await chromium.person("cleo")];
  for (const p of [anna, bert, cleo]) await bare(p, server);
  const items = [["a/empty", 0, 1], ["a/one", 1, 2], ["a/small", 70_000, 3], ["a/b/large", 9_000_000, 4]];
  const { link, code } = await send(anna, { items, options: { receivers: 2, passphrase: "Grün 42" } });
  assert.match(link, /\/t\/\w{26}#[\w-]{22}\.p$/);
  assert.match(code, /^\d+-[a-z]+-[a-z]+$/);

  await receive(bert, { link, passphrase: "grun", name: "Bert" });
  await eventually("the wrong passphrase is told", async () => (await incoming(bert)).error?.code === "wrong-secret");
  await bert.page.evaluate(() => window.incoming.start("Gru\u0308n 42"));
  await complete(bert);
  await receive(cleo, { code, passphrase: "Grün 42", name: "Cleo" });
  await complete(cleo);

  const want = Object.fromEntries(items.map(([path, size, seed]) => [path, sha(contents(size, seed))]));
  assert.deepEqual(await hashes(bert), want);
  assert.deepEqual(await hashes(cleo), want);
  await eventually("the sender knows it", async () => (await outgoing(anna)).state === "complete");
  const { receivers } = await outgoing(anna);
  assert.deepEqual(receivers.map((r) => [r.name, r.state, r.way, r.verified]), [["Bert", "complete", "direct", 9_070_001], ["Cleo", "complete", "direct", 9_070_001]]);
});
