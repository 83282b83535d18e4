// switchyard send and receive on machines apart, over networks that are in the way or change.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { folder } from "../harness/filespage.mjs";
import { residentPeak } from "../harness/proc.mjs";
import { binary, Process } from "../harness/process.mjs";
import { scenario } from "../harness/scenario.mjs";
import { contents, linkOf } from "../harness/transfer.mjs";
import { eventually } from "../harness/wait.mjs";

/** A verb in a namespace, with a state folder of its own. */
function verb(stage, namespace, args, log) {
  const [command, all] = namespace.wrap(binary, args);
  const p = new Process(command, all, { log, env: { XDG_STATE_HOME: folder(stage) } });
  stage.keep({ close: async () => p.stop({ signal: "SIGKILL" }) });
  return p;
}

/** A server and a sender on one machine, a receiver on the other. */
async function apart(stage, { bytes, limit = [], web = false, send = undefined, prepare = async () => {}, opened = async () => {} }) {
  const wire = await stage.wire();
  await prepare(wire);
  const server = await stage.server({ host: "10.77.0.1", namespace: wire.server });
  await opened(wire, server);
  const from = folder(stage), to = folder(stage);
  const file = path.join(from, "a.bin");
  writeFileSync(file, contents(bytes, 7));
  const sending = verb(stage, wire.server, ["send", "--data", server.data, ...limit, send ?? file], "send");
  const link = await linkOf(sending);
  const at = web ? link.replace(/^https?:\/\/[^/]+/, server.url) : link;
  const receiving = verb(stage, wire.client, ["receive", "--yes", "--to", to, at], "receive");
  return { wire, server, sending, receiving, file, at: path.join(to, "a.bin") };
}

/** Follows how much memory a process has had at most, in bytes. */
function peakOf(p) {
  let most = 0;
  const timer = setInterval(() => {
    most = Math.max(most, residentPeak(p.pid));
  }, 20);
  p.exited.then(() => clearInterval(timer));
  return () => most;
}

async function complete({ sending, receiving, file, at }) {
  assert.equal((await receiving.exited).code, 0, receiving.tail(30));
  assert.equal((await sending.exited).code, 0, sending.tail(30));
  assert.ok(readFileSync(at).equals(readFileSync(file)), "what came is what was sent");
}

scenario("files go directly where they can, and both ends say so", async (stage) => {
  const t = await apart(stage, { bytes: 3_000_000 });
  await complete(t);
  for (const p of [t.sending, t.receiving]) assert.match(p.text.stderr, /connected directly/);
});

scenario("a large file takes less than 100 MB of memory at both ends", async (stage) => {
  const t = await apart(stage, { bytes: 250_000_000 });
  const peaks = [t.sending, t.receiving].map(peakOf);
  await complete(t);
  for (const peak of peaks) {
    const bytes = peak();
    assert.ok(bytes > 10e6, `it was looked at: ${bytes} bytes`);
    assert.ok(bytes <= 100 * 2 ** 20, `${bytes} bytes`);
  }
});

scenario("UDP is blocked: files go through the server, and both ends say so", async (stage) => {
  const t = await apart(stage, { bytes: 3_000_000, prepare: (wire) => wire.blockUDP() });
  await complete(t);
  for (const p of [t.sending, t.receiving]) assert.match(p.text.stderr, /connected through the server/);
  assert.ok(await t.wire.blocked() > 0, "UDP was tried and dropped");
});

scenario("nothing but the server's web port is open: files go by the relay", async (stage) => {
  const t = await apart(stage, {
    bytes: 3_000_000,
    web: true,
    prepare: (wire) => wire.blockUDP(),
    opened: (wire, server) => wire.client.run("nft", "add", "rule", "inet", "firewall", "output", "tcp", "dport", String(server.media), "counter", "drop"),
  });
  await complete(t);
  for (const p of [t.sending, t.receiving]) assert.match(p.text.stderr, /connected through the server, which/);
});

scenario("the receiver's network changes half way, and the file goes on", async (stage) => {
  const t = await apart(stage, { bytes: 24_000_000, limit: ["--limit", "4M"] });
  await eventually("some of the file is there", () => statSync(`${t.at}.part`, { throwIfNoEntry: false })?.blocks > 4096);
  await t.wire.client.run("ip", "addr", "del", "10.77.0.2/24", "dev", "wire1");
  await t.wire.client.run("ip", "addr", "add", "10.77.0.9/24", "dev", "wire1");
  await t.wire.client.run("ip", "route", "replace", "default", "via", "10.77.0.1");
  await complete(t);
  for (const p of [t.sending, t.receiving]) assert.match(p.text.stderr, /interrupted[\s\S]*connected/);
});

scenario("a transfer that began on the relay moves to a direct way when there is one, and back", async (stage) => {
  const firewall = (wire, ...rule) => wire.client.run("nft", ...rule);
  const close = async (wire, server) => {
    for (const match of [["meta", "l4proto", "udp"], ["tcp", "dport", String(server.media)]]) {
      await firewall(wire, "add", "rule", "inet", "moves", "output", ...match, "counter", "drop");
    }
    await firewall(wire, "add", "rule", "inet", "moves", "input", "meta", "l4proto", "udp", "counter", "drop");
  };
  const t = await apart(stage, {
    bytes: 60_000_000, limit: ["--limit", "2M"], web: true, // half a minute: the second look for a direct way comes after 23 s
    opened: async (wire, server) => {
      await firewall(wire, "add", "table", "inet", "moves");
      for (const hook of ["input", "output"]) {
        await firewall(wire, "add", "chain", "inet", "moves", hook, `{ type filter hook ${hook} priority 0; }`);
      }
      await close(wire, server);
    },
  });
  const both = (what, words) => eventually(what, () => {
    for (const p of [t.sending, t.receiving]) if (!p.running) throw Object.assign(new Error(p.tail()), { final: true });
    return [t.sending, t.receiving].every((p) => words.test(p.text.stderr));
  }, { within: 60_000 });
  await both("they are on the relay", /connected through the server, which/);
  await firewall(t.wire, "flush", "table", "inet", "moves");
  await both("they moved to a direct way", /moved to a direct connection/);
  await close(t.wire, t.server);
  await both("they are on the relay again", /moved to a direct[\s\S]*interrupted[\s\S]*connected through the server, which/);
  await firewall(t.wire, "flush", "table", "inet", "moves");
  await complete(t);
});

scenario("ten thousand files take 60 MB of memory at most at both ends", async (stage) => {
  const many = folder(stage);
  for (let i = 0; i < 10_000; i++) {
    if (i % 100 === 0) mkdirSync(path.join(many, "files", String(i / 100)), { recursive: true });
    writeFileSync(path.join(many, "files", String(Math.floor(i / 100)), `some file ${i}.txt`), `content of ${i}`);
  }
  const t = await apart(stage, { bytes: 1, send: path.join(many, "files") });
  const peaks = [t.sending, t.receiving].map(peakOf);
  for (const p of [t.sending, t.receiving]) assert.equal((await p.exited).code, 0, p.tail(30));
  for (const peak of peaks) {
    const bytes = peak();
    assert.ok(bytes > 10e6 && bytes <= 60 * 2 ** 20, `${bytes} bytes`);
  }
  const last = path.join(path.dirname(t.at), "files", "99", "some file 9999.txt");
  assert.equal(readFileSync(last, "utf8"), "content of 9999");
});
