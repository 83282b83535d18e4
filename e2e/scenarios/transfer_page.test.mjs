import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { accept, choose, facts, folder, makeLink, noise, sha, take, unzipped } from "../harness/filespage.mjs";
import { scenario } from "../harness/scenario.mjs";
import { eventually } from "../harness/wait.mjs";

scenario("a file goes from page to page, and only the button takes its link", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const [anna, bert, carl] = [await chromium.person("anna"), await chromium.person("bert"), await chromium.person("carl")];
  const film = noise(7_000_003);
  await choose(anna, server, { name: "holiday film.mp4", buffer: film });
  await anna.reads(/1 file, 7\.0 MB/);
  const link = await makeLink(anna);
  assert.match(link, /\/t\/\w{26}#[\w-]{22}$/);
  await anna.reads(/waiting for somebody to open the link/i);

  // Bots of chats look at links that pass by; opening the page costs nothing, either.
  for (const method of ["GET", "HEAD", "GET"]) {
    const response = await fetch(link, { method, headers: { "user-agent": "TelegramBot (like TwitterBot)" } });
    assert.equal(response.status, 200);
    assert.doesNotMatch(await response.text(), /holiday/);
  }
  await bert.page.goto(link);
  await bert.reads(/wants to send you something/i);
  await bert.page.reload();
  await bert.reads(/wants to send you something/i);
  assert.equal((await facts(server, link)).left, 1);

  await bert.click("Receive");
  await bert.reads(/holiday film\.mp4/);
  await anna.reads(/asked whether they want it/i);
  const saved = await accept(bert);
  assert.equal(saved.name, "holiday film.mp4");
  assert.equal(sha(saved.bytes), sha(film));
  await bert.reads(/it is all here[\s\S]*every byte was checked/i);
  await anna.reads(/they have it[\s\S]*every byte was checked/i);

  await carl.page.goto(link);
  await carl.reads(/has been used/i);
  await carl.page.goto(link.replace(/#.*/, ""));
  await carl.reads(/a part of this link is missing/i);
});

scenario("a folder arrives as an archive that any program opens", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const [anna, bert] = [await chromium.person("anna"), await chromium.person("bert")];
  const files = { "Urlaub/größe.txt": Buffer.from("gross"), "Urlaub/leer": Buffer.alloc(0), "Urlaub/a/b/c.bin": noise(3_000_000, 2), "Urlaub/a/d.bin": noise(65_536, 3) };
  const dir = folder(stage, files);
  await choose(anna, server, path.join(dir, "Urlaub"), ".choose-folder");
  await anna.reads(/4 files, 3\.1 MB/);
  const link = await makeLink(anna);
  await take(bert, link);
  await bert.reads(/Urlaub/);
  const saved = await accept(bert);
  assert.equal(saved.name, "Urlaub.zip");
  const zip = path.join(dir, "got.zip");
  writeFileSync(zip, saved.bytes);
  const got = unzipped(zip);
  const want = Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, sha(bytes)]));
  assert.deepEqual(got, { "Urlaub/": "folder", "Urlaub/a/": "folder", "Urlaub/a/b/": "folder", ...want });
  await bert.click("Save c.bin");
});

scenario("a text is pasted at one end and read at the other", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const [anna, bert] = [await chromium.person("anna"), await chromium.person("bert")];
  await anna.page.goto(`${server.url}/send`);
  await anna.reads(/drop files or folders/i);
  await anna.page.evaluate(() => {
    const data = new DataTransfer();
    data.setData("text/plain", "Tür 7, «Schlüssel» unter der Matte 🗝");
    document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
  });
  const link = await makeLink(anna);
  await take(bert, link);
  await bert.reads(/a message for you/i);
  assert.equal(await bert.page.inputValue("#message"), "Tür 7, «Schlüssel» unter der Matte 🗝");
  await anna.reads(/they have it/i);
  await bert.page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await bert.click("Copy");
  await bert.reads(/copied/i);
  assert.equal(await bert.page.evaluate(() => navigator.clipboard.readText()), "Tür 7, «Schlüssel» unter der Matte 🗝");
});

scenario("a screenshot on the clipboard is pasted and arrives as it was", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const [anna, bert] = [await chromium.person("anna"), await chromium.person("bert")];
  await anna.page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await anna.page.goto(`${server.url}/send`);
  await anna.reads(/drop files or folders/i);
  await anna.page.evaluate(async () => {
    const canvas = new OffscreenCanvas(3, 2);
    const g = canvas.getContext("2d");
    ["#f00", "#0f0", "#00f", "#fff", "#000", "#123456"].forEach((c, i) => ((g.fillStyle = c), g.fillRect(i % 3, Math.floor(i / 3), 1, 1)));
    await navigator.clipboard.write([new ClipboardItem({ "image/png": await canvas.convertToBlob() })]);
  });
  await anna.page.keyboard.press("Control+V");
  await anna.reads(/Screenshot \d{4}-\d\d-\d\d \d\d\.\d\d\.png/);
  const link = await makeLink(anna);
  await take(bert, link);
  const saved = await accept(bert);
  assert.match(saved.name, /^Screenshot .*\.png$/);
  const pixels = await bert.page.evaluate(async (b64) => {
    const bytes = Uint8Array.from(atob(b64), (c) => c.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
    const g = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
    g.drawImage(bitmap, 0, 0);
    return [bitmap.width, bitmap.height, ...g.getImageData(0, 0, bitmap.width, bitmap.height).data];
  }, saved.bytes.toString("base64"));
  assert.deepEqual(pixels, [3, 2, 255, 0, 0, 255, 0, 255, 0, 255, 0, 0, 255, 255, 255, 255, 255, 255, 0, 0, 0, 255, 0x12, 0x34, 0x56, 255]);
});

scenario("a spoken code leads to the files, and is good for one try", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const [anna, bert, carl] = [await chromium.person("anna"), await chromium.person("bert"), await chromium.person("carl")];
  await choose(anna, server, { name: "notes.txt", buffer: Buffer.from("hello") });
  await makeLink(anna);
  const code = await anna.page.textContent(".spoken-code");
  const [plate, first, second] = code.split("-");

  // Carl guesses: his try makes the code worthless, and anna has another one.
  await carl.page.goto(`${server.url}/send`);
  await carl.fill("12 apples", ".code-form input");
  await carl.click("Receive");
  await carl.reads(/neither a code nor a link/i);
  await carl.fill(`${plate}-${second}-${first}`, ".code-form input");
  await carl.click("Receive");
  await carl.reads(/no word of a code/i);
  assert.equal(await anna.page.textContent(".spoken-code"), code, "a word that is in no list costs no try");

  await bert.page.goto(`${server.url}/send`);
  await bert.fill(code.replaceAll("-", " ").toUpperCase(), ".code-form input");
  await bert.click("Receive");
  await bert.reads(/wants to send you something/i);
  await bert.click("Receive");
  const saved = await accept(bert);
  assert.equal(saved.bytes.toString(), "hello");
  await anna.reads(/they have it/i);
});

scenario("a link that ended says why, and what to do", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const [anna, bert, carl] = [await chromium.person("anna"), await chromium.person("bert"), await chromium.person("carl")];
  for (const p of [anna, bert, carl]) p.expectErrors(/status of 4(04|10)/);
  const soon = await (await fetch(`${server.url}/v1/transfers`, { method: "POST", body: JSON.stringify({ expiresIn: 10 }) })).json();

  await choose(anna, server, { name: "notes.txt", buffer: Buffer.from("hello") });
  await anna.page.click("summary");
  await anna.fill("Sesame", ".options input");
  const link = await makeLink(anna);
  assert.match(link, /\.p$/);
  await bert.page.goto(link);
  await bert.fill("sesame", ".passphrase");
  await bert.click("Receive");
  await bert.reads(/not the right passphrase/i);
  await anna.reads(/wrong code or passphrase/i);
  await bert.fill("Sesame", ".passphrase");
  await bert.click("Try again");
  assert.equal((await accept(bert)).bytes.toString(), "hello");
  await anna.reads(/they have it/i);

  // The sender takes a link back while somebody looks at it.
  await anna.click("Send something else");
  await anna.reads(/drop files or folders/i);
  await anna.page.setInputFiles(".choose-files", { name: "b.txt", mimeType: "text/plain", buffer: Buffer.from("b") });
  const second = await makeLink(anna);
  await carl.page.goto(second);
  await carl.reads(/wants to send you something/i);
  await anna.click("Withdraw the link");
  await anna.reads(/you withdrew the link/i);
  await carl.click("Receive");
  await carl.reads(/was withdrawn/i);
  await carl.page.goto(`${server.url}/t/${"A".repeat(26)}#${"A".repeat(22)}`);
  await carl.reads(/nothing behind this link/i);

  await eventually("the third link has expired", async () => (await facts(server, `${server.url}/t/${soon.id}`)).valid === false);
  await carl.page.goto(`${server.url}/t/${soon.id}#${"A".repeat(22)}`);
  await carl.reads(/has expired[\s\S]*ask whoever sent it/i);
});

scenario("who says no, and a sender who goes, are told to the other end", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const [anna, bert] = [await chromium.person("anna"), await chromium.person("bert")];
  await choose(anna, server, { name: "notes.txt", buffer: Buffer.from("hello") });
  await anna.page.click("summary");
  await anna.page.selectOption(".options select", "2");
  const link = await makeLink(anna);
  await take(bert, link);
  await bert.reads(/notes\.txt/);
  await bert.click("No, thanks");
  await bert.reads(/you stopped it/i);
  await anna.reads(/they stopped it/i);

  const carl = await chromium.person("carl");
  await take(carl, link);
  await carl.reads(/notes\.txt/);
  const asked = new Promise((resolve) => anna.page.once("dialog", (d) => void d.dismiss().then(() => resolve(d.type()))));
  await anna.page.evaluate(() => setTimeout(() => location.assign("/")));
  assert.equal(await asked, "beforeunload", "the page asks before it goes");
  await anna.page.close();
  await carl.click("Accept");
  await carl.reads(/the sender is not there/i);
});
