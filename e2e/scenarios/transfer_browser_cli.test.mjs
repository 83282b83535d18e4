import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createReadStream, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { folder, sha } from "../harness/filespage.mjs";
import { scenario } from "../harness/scenario.mjs";
import { bare, complete, contents, hashes, incoming, linkOf, outgoing, receive, send } from "../harness/transfer.mjs";
import { eventually } from "../harness/wait.mjs";

async function shaOf(file) {
  const hash = createHash("sha256");
  for await (const part of createReadStream(file)) hash.update(part);
  return hash.digest("hex");
}

const tree = [["tree/empty", 0, 1], ["tree/one", 1, 2], ["tree/small.txt", 70_000, 3], ["tree/piece", 1 << 20, 4], ["tree/deep/er/large.bin", 9_000_001, 5]];

function write(dir, files) {
  for (const [name, size, seed] of files) {
    mkdirSync(path.join(dir, path.dirname(name)), { recursive: true });
    writeFileSync(path.join(dir, name), contents(size, seed));
  }
}

async function exit(process, code = 0) {
  const how = await process.exited;
  assert.equal(how.code, code, process.tail(30));
}

scenario("the command sends and a page receives", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const anna = await chromium.person("anna");
  await bare(anna, server);
  const dir = folder(stage);
  write(dir, tree);
  const sending = stage.switchyard(["send", "--data", server.data, path.join(dir, "tree")]);
  await receive(anna, { link: await linkOf(sending), name: "Anna" });
  await complete(anna);
  await exit(sending);
  assert.deepEqual(await hashes(anna), Object.fromEntries(tree.map(([name, size, seed]) => [name, sha(contents(size, seed))])));

  const text = stage.switchyard(["send", "--data", server.data, "--text", "Grüße aus der Konsole"], "text");
  await bare(anna, server);
  await receive(anna, { link: await linkOf(text) });
  await complete(anna);
  await exit(text);
  assert.equal((await incoming(anna)).text, "Grüße aus der Konsole");
});

scenario("a page sends and the command receives", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const anna = await chromium.person("anna");
  await bare(anna, server);
  const { link, code } = await send(anna, { items: tree, options: { receivers: 2, server: server.url } });
  const [one, two] = [folder(stage), folder(stage)];
  const byLink = stage.switchyard(["receive", "--yes", "--to", one, link.replace(/^https?:\/\/[^/]+/, server.url)], "by-link");
  await exit(byLink);
  const byCode = stage.switchyard(["receive", "--yes", "--to", two, "--server", server.url, code], "by-code");
  await exit(byCode);
  for (const dir of [one, two]) {
    for (const [name, size, seed] of tree) {
      const file = path.join(dir, name);
      assert.equal(statSync(file).size, size, name);
      assert.equal(sha(readFileSync(file)), sha(contents(size, seed)), name);
    }
  }
  await eventually("the page knows it", async () => (await outgoing(anna)).state === "complete");
});

/** Lets a page have lanes of one kind only, and count its sessions. */
async function carries(person, lanes) {
  await person.page.evaluate((lanes) => {
    window.sessions = 0;
    const { WebTransport } = window;
    if (lanes === "DataChannels") delete window.WebTransport;
    else window.WebTransport = class extends WebTransport { constructor(...of) { super(...of); window.sessions++; } };
  }, lanes);
}

const sessions = (person) => person.page.evaluate(() => window.sessions);

// How fast it goes, by hand: SWITCHYARD_TRANSFER_MB=2000.
for (const [lanes, dials] of [["WebTransport", true], ["DataChannels", false]]) {
  scenario(`a large file goes both ways by ${lanes}`, async (stage) => {
    const size = Number(process.env.SWITCHYARD_TRANSFER_MB ?? 60) * 1_000_000;
    const server = await stage.server();
    const chromium = await stage.chromium();
    const anna = await chromium.person("anna");
    await bare(anna, server);
    await carries(anna, lanes);
    const dir = folder(stage);
    writeFileSync(path.join(dir, "large"), contents(size, 7));
    const sending = stage.switchyard(["send", "--data", server.data, path.join(dir, "large")]);
    const link = await linkOf(sending);
    const from = Date.now();
    await receive(anna, { link, disk: { throwAway: true } });
    await complete(anna, 200_000);
    await exit(sending);
    const down = size / 1000 / (Date.now() - from);
    assert.equal((await incoming(anna)).way, "direct");
    assert.equal((await sessions(anna)) > 0, dials);

    await bare(anna, server);
    await carries(anna, lanes);
    const made = await send(anna, { items: [["large", size, 7]], options: { server: server.url } });
    const began = Date.now();
    mkdirSync(path.join(dir, "got"));
    const receiving = stage.switchyard(["receive", "--yes", "--to", path.join(dir, "got"), made.link.replace(/^https?:\/\/[^/]+/, server.url)]);
    await exit(receiving);
    const up = size / 1000 / (Date.now() - began);
    assert.equal((await sessions(anna)) > 0, dials);
    assert.equal(await shaOf(path.join(dir, "got", "large")), await shaOf(path.join(dir, "large")));
    console.log(`${size / 1e6} MB by ${lanes}: command to Chromium ${down.toFixed(1)} MB/s, Chromium to command ${up.toFixed(1)} MB/s`);
  });
}
