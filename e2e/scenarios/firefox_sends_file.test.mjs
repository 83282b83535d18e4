import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { accept, folder, makeLink, noise, sha, take } from "../harness/filespage.mjs";
import { scenario } from "../harness/scenario.mjs";

/** Chooses files of the disk, as choose() does with Chromium. */
async function chooseIn(fred, server, paths) {
  await fred.page.goto(`${server.url}/send`);
  await fred.reads(/drop files or folders/i);
  await (await fred.page.$(".choose-files")).uploadFile(...paths);
}

async function exit(process) {
  const how = await process.exited;
  assert.equal(how.code, 0, process.tail(30));
}

scenario("Firefox sends files that the command receives", async (stage) => {
  const server = await stage.server({ mediaHost: "0.0.0.0" });
  const fred = await (await stage.firefox()).person("fred");
  const files = { "film.webm": noise(20_000_003, 3), "größe.txt": Buffer.from("gross"), "leer": Buffer.alloc(0), "one": Buffer.from("1") };
  const dir = folder(stage, files);
  await chooseIn(fred, server, Object.keys(files).map((name) => path.join(dir, name)));
  await fred.reads(/4 files, 20 MB/);
  const link = await makeLink(fred);
  const to = folder(stage);
  const receiving = stage.switchyard(["receive", "--yes", "--to", to, link]);
  await exit(receiving);
  await fred.reads(/they have it[\s\S]*every byte was checked/i);
  for (const [name, bytes] of Object.entries(files)) assert.equal(sha(readFileSync(path.join(to, name))), sha(bytes), name);

  // A message, by code.
  await fred.page.goto(`${server.url}/send`);
  await fred.click("Write a message");
  await fred.fill("Grüße aus Firefox", "textarea");
  await makeLink(fred);
  const code = await fred.page.evaluate(() => document.querySelector(".spoken-code").textContent);
  const reading = stage.switchyard(["receive", "--yes", "--server", server.url, code], "text");
  await exit(reading);
  assert.match(reading.text.stdout, /Grüße aus Firefox/);
  await fred.reads(/they have it/i);
});

scenario("Firefox sends a file that Chromium receives", async (stage) => {
  const server = await stage.server({ mediaHost: "0.0.0.0" });
  const bert = await (await stage.chromium()).person("bert");
  const fred = await (await stage.firefox()).person("fred");
  const film = noise(7_000_003, 11);
  const dir = folder(stage, { "film.webm": film });
  await chooseIn(fred, server, [path.join(dir, "film.webm")]);
  await take(bert, await makeLink(fred));
  await bert.reads(/film\.webm/);
  const saved = await accept(bert);
  assert.equal(saved.name, "film.webm");
  assert.equal(sha(saved.bytes), sha(film));
  await fred.reads(/they have it/i);
  await bert.reads(/straight|it is all here/i);
});
