import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { accept, choose, folder, makeLink, noise, sha, take, unzipped } from "../harness/filespage.mjs";
import { scenario } from "../harness/scenario.mjs";
import { eventually } from "../harness/wait.mjs";

/** A picked folder, without the system's dialog: a real folder of the browser's own file system, which has the same interface. */
const withPicker = (person) => person.page.addInitScript(() => {
  window.showDirectoryPicker = async () => (await navigator.storage.getDirectory()).getDirectoryHandle("picked", { create: true });
});

const picked = (person) => person.page.evaluate(async () => {
  const found = {};
  const walk = async (dir, at) => {
    for await (const [name, handle] of dir.entries()) {
      if (handle.kind === "directory") await walk(handle, `${at}${name}/`);
      else {
        const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", await (await handle.getFile()).arrayBuffer()));
        found[at + name] = [...hash].map((b) => b.toString(16).padStart(2, "0")).join("");
      }
    }
  };
  await walk(await (await navigator.storage.getDirectory()).getDirectoryHandle("picked", { create: true }), "");
  return found;
});

scenario("files go into a folder that was chosen, and what is there already is not sent again", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const [anna, bert] = [await chromium.person("anna"), await chromium.person("bert")];
  await withPicker(bert);
  const files = { "photos/a.jpg": noise(2_500_000, 4), "photos/deep/b.jpg": noise(100_000, 5), "photos/empty": Buffer.alloc(0) };
  const dir = folder(stage, files);
  const want = Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, sha(bytes)]));
  const go = async () => {
    await choose(anna, server, path.join(dir, "photos"), ".choose-folder");
    await take(bert, await makeLink(anna));
    await bert.click("Choose where…");
    await bert.reads(/it is all here[\s\S]*in the folder picked/i);
    await anna.reads(/they have it/i);
  };
  await go();
  assert.deepEqual(await picked(bert), want);
  await go();
  assert.deepEqual(await picked(bert), want, "nothing was made twice");

  // One of them is another file now: both are kept.
  const changed = Buffer.from(files["photos/a.jpg"]);
  changed[2_000_000] ^= 1;
  writeFileSync(path.join(dir, "photos/a.jpg"), changed);
  await go();
  assert.deepEqual(await picked(bert), { ...want, "photos/a (2).jpg": sha(changed) });
});

scenario("a closed tab goes on where it was", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const [anna, bert] = [await chromium.person("anna"), await chromium.person("bert")];
  const dir = folder(stage);
  const film = path.join(dir, "film.mkv");
  const bytes = noise(64_000_000, 6);
  writeFileSync(film, bytes);
  await bert.page.addInitScript(() => { // a slow disk, in this tab
    const post = Worker.prototype.postMessage;
    Worker.prototype.postMessage = function (order, ...more) {
      if (order?.do === "write") setTimeout(() => post.call(this, order, ...more), 60);
      else post.call(this, order, ...more);
    };
  });
  await choose(anna, server, film);
  const link = await makeLink(anna);
  await take(bert, link);
  await bert.reads(/film\.mkv/);
  await bert.click("Accept");
  await eventually("some of it has come", () => bert.page.evaluate(() => Number(document.querySelector(".transfer-bar")?.value ?? 0) >= 60), { every: 20 });
  const context = bert.page.context();
  await bert.page.close();
  await anna.reads(/their connection is gone/i);

  bert.page = await context.newPage();
  await bert.page.goto(`${server.url}/send`);
  await bert.reads(/not all here yet/i);
  await bert.page.click("text=Go on with film.mkv");
  await bert.reads(/go on with film\.mkv/i);
  const begun = bert.page.waitForEvent("download");
  await bert.click("Go on");
  const first = await eventually("it goes on", () => bert.page.evaluate(() => document.querySelector(".transfer-bar")?.value), { every: 10 });
  assert.ok(first > 0, "not from the beginning");
  assert.equal(sha(readFileSync(await (await begun).path())), sha(bytes));
  await anna.reads(/they have it/i);
  await bert.page.goto(`${server.url}/send`);
  await bert.reads(/drop files/i);
  assert.doesNotMatch(await bert.page.evaluate(() => document.body.innerText), /not all here yet/i);
});

scenario("what the browser’s storage cannot hold streams into a download", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const [anna, bert] = [await chromium.person("anna"), await chromium.person("bert")];
  await bert.page.addInitScript(() => {
    navigator.storage.estimate = async () => ({ quota: 1000, usage: 0 });
  });
  const file = noise(9_000_001, 7);
  await choose(anna, server, { name: "größer als alles.bin", buffer: file });
  await take(bert, await makeLink(anna));
  const one = await accept(bert);
  assert.equal(one.name, "größer als alles.bin");
  assert.equal(sha(one.bytes), sha(file));
  await bert.reads(/it is all here/i);

  const files = { "d/a.bin": noise(4_000_000, 8), "d/leer": Buffer.alloc(0), "d/z.txt": Buffer.from("z") };
  const dir = folder(stage, files);
  await choose(anna, server, path.join(dir, "d"), ".choose-folder");
  await take(bert, await makeLink(anna));
  const all = await accept(bert);
  assert.equal(all.name, "d.zip");
  const zip = path.join(dir, "got.zip");
  writeFileSync(zip, all.bytes);
  const { "d/": root, ...got } = unzipped(zip);
  assert.equal(root, "folder");
  assert.deepEqual(got, Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, sha(bytes)])));
});

scenario("a phone’s share menu leads to a link", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const [anna, bert] = [await chromium.person("anna"), await chromium.person("bert")];
  await anna.page.goto(`${server.url}/send`);
  await anna.page.evaluate(() => navigator.serviceWorker.ready);
  const manifest = await (await fetch(`${server.url}/app.webmanifest`)).json();
  // What the browser does with what was shared: it posts a form, as the manifest says.
  const share = (files, text) => anna.page.evaluate(({ target, files, text }) => {
    const form = document.createElement("form");
    Object.assign(form, { method: target.method, enctype: target.enctype, action: target.action });
    const field = document.createElement("input");
    Object.assign(field, { type: "file", name: target.params.files[0].name, multiple: true });
    const data = new DataTransfer();
    for (const [name, content] of files) data.items.add(new File([content], name, { type: "text/plain" }));
    field.files = data.files;
    const words = document.createElement("input");
    Object.assign(words, { name: target.params.text, value: text });
    form.append(field, words);
    document.body.append(form);
    form.submit();
  }, { target: manifest.share_target, files, text });
  await share([["from the phone.txt", "shared"], ["more.txt", "!"]], "");
  await anna.reads(/2 files, 7 bytes/);
  await take(bert, await makeLink(anna));
  await bert.reads(/from the phone\.txt/);

  await anna.page.evaluate(() => (window.onbeforeunload = null));
  anna.page.on("dialog", (d) => void d.accept());
  await share([], "https://example.org/");
  await anna.reads(/your message/i);
  assert.equal(await anna.page.inputValue("textarea"), "https://example.org/");
});
