// Pages behind a firewall: each scenario has a sender at the server's side and a page in a network of its own.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { accept, choose, folder, makeLink, noise, sha, take } from "../harness/filespage.mjs";
import { binary, Process } from "../harness/process.mjs";
import { scenario } from "../harness/scenario.mjs";
import { linkOf } from "../harness/transfer.mjs";
import { paths } from "../harness/turn.mjs";

/** A server and a browser on each side of a wire over which no UDP goes. */
async function apart(stage, { args = [], senderToo = true } = {}) {
  const wire = await stage.wire();
  await wire.blockUDP();
  const server = await stage.server({ host: "10.77.0.1", namespace: wire.server, args: ["--open", ...args] });
  const there = await stage.chromium({ namespace: wire.client, origin: server.url });
  const bert = await there.person("bert");
  if (!senderToo) return { wire, server, bert };
  const here = await stage.chromium({ namespace: wire.server, origin: server.url });
  return { wire, server, bert, anna: await here.person("anna") };
}

/** `switchyard send` beside the server; resolves with it and its link, at the address that the page uses. */
async function commandSends(stage, { wire, server }, file) {
  const [command, all] = wire.server.wrap(binary, ["send", "--data", server.data, file]);
  const sending = new Process(command, all, { log: "send", env: { XDG_STATE_HOME: folder(stage) } });
  stage.keep({ close: async () => sending.stop({ signal: "SIGKILL" }) });
  return { sending, link: (await linkOf(sending)).replace(/^https?:\/\/[^/]+/, server.url) };
}

/** Keeps what the page says about its way, however short it is shown. */
const words = (person) => person.remember();

scenario("no UDP: a page sends to a page through TURN over TCP on the one port", async (stage) => {
  const { wire, server, bert, anna } = await apart(stage);
  const film = noise(6_000_001, 3);
  await choose(anna, server, { name: "film.mkv", buffer: film });
  await take(bert, await makeLink(anna));
  await bert.reads(/film\.mkv/);
  const [link] = await paths(bert);
  const ends = [link.pair?.local, ...(await paths(anna)).map((l) => l.pair?.local)];
  assert.ok(ends.some((c) => c?.candidateType === "relay" && c.relayProtocol === "tcp"), JSON.stringify(ends));
  await words(bert);
  await words(anna);
  const saved = await accept(bert);
  assert.equal(sha(saved.bytes), sha(film));
  await bert.hasRead(/through the server, which cannot read it/i);
  await anna.hasRead(/through the server, which cannot read it/i);
  await anna.reads(/they have it/i);
  assert.ok(await wire.blocked() > 0, "UDP was tried and dropped");
});

scenario("no UDP and no TURN: a page sends to a page through the sealed relay", async (stage) => {
  const { server, bert, anna } = await apart(stage, { args: ["--no-turn"] });
  const film = noise(6_000_001, 4);
  await choose(anna, server, { name: "film.mkv", buffer: film });
  await take(bert, await makeLink(anna));
  await bert.reads(/film\.mkv/);
  await words(bert);
  await words(anna);
  const saved = await accept(bert);
  assert.equal(sha(saved.bytes), sha(film));
  await bert.hasRead(/through the server, which cannot read it/i);
  await anna.hasRead(/through the server, which cannot read it/i);
  await anna.reads(/they have it/i);
});

for (const { what, args, said } of [
  { what: "no UDP: the command sends to a page through TURN over TCP", said: /connected through the server.s TURN relay/i },
  { what: "no UDP and no TURN: the command sends to a page through the sealed relay", args: ["--no-turn"], said: /connected through the server, which cannot read/i },
]) {
  scenario(what, async (stage) => {
    const t = await apart(stage, { args, senderToo: false });
    const file = path.join(folder(stage, { "a.bin": noise(6_000_001, 5) }), "a.bin");
    const { sending, link } = await commandSends(stage, t, file);
    await take(t.bert, link);
    await t.bert.reads(/a\.bin/);
    await words(t.bert);
    const saved = await accept(t.bert);
    assert.equal(sha(saved.bytes), sha(readFileSync(file)));
    assert.equal((await sending.exited).code, 0, sending.tail(30));
    await t.bert.hasRead(/through the server, which cannot read it/i);
    assert.match(sending.text.stderr, said);
  });
}
