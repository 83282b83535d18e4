import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { accept, dropOn, folder, makeLink, noise, sha, take, unzipped } from "../harness/filespage.mjs";
import { scenario } from "../harness/scenario.mjs";

scenario("a folder of 2,000 files is dropped on the page and arrives whole, with what is empty in it", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const [anna, bert] = [await chromium.person("anna"), await chromium.person("bert")];
  const files = { "Archiv/leer": null, "Archiv/tief/a/b/c/d/e/leer": null, "Archiv/null.bin": Buffer.alloc(0), "Archiv/größe & mehr #1.bin": noise(3_000_001, 5) };
  for (let i = 0; i < 2_000; i++) files[`Archiv/jahr ${2000 + (i % 7)}/${i % 90}/bild ${i}.raw`] = noise(i % 400, i);
  const dir = folder(stage, files);
  writeFileSync(path.join(dir, "daneben.txt"), "beside it");
  await anna.page.goto(`${server.url}/send`);
  await anna.reads(/drop files or folders/i);
  await dropOn(anna, [path.join(dir, "Archiv"), path.join(dir, "daneben.txt")]);
  await anna.reads(/2,?003 files/);
  await anna.reads(/Archiv\s+2,?002 files/);
  const link = await makeLink(anna);
  await take(bert, link);
  await bert.reads(/2,?003 files/);
  const saved = await accept(bert);
  await anna.reads(/they have it/i);
  const zip = path.join(dir, "got.zip");
  writeFileSync(zip, saved.bytes);
  const got = unzipped(zip);
  const want = { "daneben.txt": sha(Buffer.from("beside it")) };
  for (const [name, bytes] of Object.entries(files)) {
    if (bytes) want[name] = sha(bytes);
    for (let at = path.dirname(bytes ? name : `${name}/x`); at !== "."; at = path.dirname(at)) want[`${at}/`] = "folder";
  }
  assert.deepEqual(got, want);
});
