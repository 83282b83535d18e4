import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { folder, sha } from "../harness/filespage.mjs";
import { scenario } from "../harness/scenario.mjs";
import { bare, complete, contents, hashes, incoming, linkOf, outgoing, receive, send } from "../harness/transfer.mjs";
import { eventually } from "../harness/wait.mjs";

const size = 12_000_000;
const bytes = contents(size, 3);

const ofServer = (link, server) => link.replace(/^https?:\/\/[^/]+/, server.url);

async function some(person, least = 2_000_000) {
  await eventually("some of it is there", async () => {
    const now = await incoming(person);
    if (now.verified < least) throw new Error(JSON.stringify(now));
    return true;
  });
}

/** A page, a server, and the command that sends one file at 4 MB/s. */
async function sendingStage(stage) {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const anna = await chromium.person("anna");
  const dir = folder(stage);
  writeFileSync(path.join(dir, "large"), bytes);
  const begin = () => stage.switchyard(["send", "--data", server.data, "--limit", "4M", path.join(dir, "large")], "send", { env: { XDG_STATE_HOME: dir } });
  return { server, anna, dir, begin };
}

scenario("the command is killed while it sends, and begins again", async (stage) => {
  const { server, anna, begin } = await sendingStage(stage);
  await bare(anna, server);
  const first = begin();
  const link = await linkOf(first);
  await receive(anna, { link });
  await some(anna);
  await first.stop({ signal: "SIGKILL" });
  const again = begin();
  assert.equal(await linkOf(again), link);
  await complete(anna);
  assert.equal((await again.exited).code, 0, again.tail());
  assert.deepEqual(await hashes(anna), { large: sha(bytes) });
});

scenario("the server is killed while a page receives, and begins again", async (stage) => {
  const { server, anna, begin } = await sendingStage(stage);
  anna.expectErrors(/WebSocket connection to/, /ERR_CONNECTION/);
  await bare(anna, server);
  const sending = begin();
  await receive(anna, { link: await linkOf(sending) });
  await some(anna);
  await server.kill();
  await server.launch();
  await complete(anna);
  assert.equal((await sending.exited).code, 0, sending.tail());
  assert.deepEqual(await hashes(anna), { large: sha(bytes) });
});

scenario("either end gives up, and the other is told", async (stage) => {
  const { server, anna, dir, begin } = await sendingStage(stage);
  await bare(anna, server);
  const sending = begin();
  await receive(anna, { link: await linkOf(sending) });
  await some(anna, 1);
  await sending.stop({ signal: "SIGINT" });
  await eventually("the page knows that the sender gave up", async () => {
    const { error } = await incoming(anna);
    return error?.code === "cancelled" || Promise.reject(new Error(JSON.stringify(error)));
  });

  await bare(anna, server);
  const { link } = await send(anna, { items: [["large", 200_000_000, 3]], options: { server: server.url } });
  const receiving = stage.switchyard(["receive", "--yes", "--to", dir, ofServer(link, server)]);
  await eventually("bytes flow", async () => (await outgoing(anna)).receivers[0]?.verified > 0);
  await receiving.stop({ signal: "SIGINT" });
  await eventually("the page knows that the receiver gave up", async () => {
    const [receiver] = (await outgoing(anna)).receivers;
    return receiver?.state === "gave-up" || Promise.reject(new Error(JSON.stringify(receiver)));
  });

  // They may come back, and then the page ends it.
  const again = stage.switchyard(["receive", "--yes", "--to", dir, ofServer(link, server)], "again");
  await eventually("bytes flow again", async () => (await outgoing(anna)).receivers[0]?.state === "receiving");
  await anna.page.evaluate(() => window.outgoing.cancel("I changed my mind."));
  const how = await again.exited;
  assert.notEqual(how.code, 0);
  assert.match(again.tail(), /I changed my mind/);
});

// No candidate of the page reaches anybody: neither a direct link nor TURN comes up.
scenario("files go through the relay where nothing else does", async (stage) => {
  const { server, anna, dir } = await sendingStage(stage);
  await anna.page.addInitScript(() => {
    const Real = window.RTCPeerConnection;
    window.RTCPeerConnection = class extends Real {
      constructor() { super({ iceServers: [], iceTransportPolicy: "relay" }); }
      setConfiguration() {}
    };
  });
  await bare(anna, server);
  const sending = stage.switchyard(["send", "--data", server.data, path.join(dir, "large")], "send");
  await receive(anna, { link: await linkOf(sending) });
  await complete(anna);
  assert.equal((await incoming(anna)).way, "relay");
  assert.deepEqual(await hashes(anna), { large: sha(bytes) });
  assert.equal((await sending.exited).code, 0, sending.tail());

  await bare(anna, server);
  const { link } = await send(anna, { items: [["other", size, 4]], options: { server: server.url } });
  mkdirSync(path.join(dir, "got"));
  const receiving = stage.switchyard(["receive", "--yes", "--to", path.join(dir, "got"), ofServer(link, server)]);
  assert.equal((await receiving.exited).code, 0, receiving.tail());
  assert.equal(sha(readFileSync(path.join(dir, "got", "other"))), sha(contents(size, 4)));
  assert.equal((await outgoing(anna)).receivers[0].way, "relay");
});
