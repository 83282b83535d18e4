import assert from "node:assert/strict";
import path from "node:path";
import { everyLook } from "../harness/axe.mjs";
import { choose, folder, makeLink, noise, take } from "../harness/filespage.mjs";
import { scenario } from "../harness/scenario.mjs";
import { eventually } from "../harness/wait.mjs";

scenario("the pages of a sender are accessible in every look", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const anna = await chromium.person("anna");
  await anna.page.goto(`${server.url}/send`);
  await anna.reads(/drop files or folders/i);
  await everyLook(anna, "send-empty");
  const dir = folder(stage, { "d/a.txt": Buffer.from("a"), "d/b.txt": Buffer.from("b") });
  await choose(anna, server, path.join(dir, "d"), ".choose-folder");
  await anna.page.setInputFiles(".choose-files", { name: `${"a long name ".repeat(12)}.pdf`, mimeType: "application/pdf", buffer: Buffer.alloc(1234) });
  await anna.page.click("summary");
  await everyLook(anna, "send-review");
  await makeLink(anna);
  await everyLook(anna, "send-link");
});

scenario("the pages of both ends at work are accessible in every look", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const [anna, bert] = [await chromium.person("anna"), await chromium.person("bert")];
  const dir = folder(stage, { "d/a.txt": Buffer.from("a"), "d/b.txt": Buffer.from("b") });
  await choose(anna, server, path.join(dir, "d"), ".choose-folder");
  await anna.page.click("summary");
  await anna.page.selectOption(".options select", "2");
  const link = await makeLink(anna);
  await take(bert, link);
  await bert.reads(/do you want them/i);
  await everyLook(anna, "send-receivers");
  await everyLook(bert, "receive-offer");
  const begun = bert.page.waitForEvent("download");
  await bert.click("Accept");
  await begun;
  await bert.reads(/it is all here/i);
  await everyLook(bert, "receive-done");
  await everyLook(anna, "send-one-has-it");
});

scenario("the pages of a receiver are accessible in every look", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const [anna, bert] = [await chromium.person("anna"), await chromium.person("bert")];
  bert.expectErrors(/status of 404/);
  await choose(anna, server, { name: "film.mkv", buffer: noise(2_000_000) });
  await anna.page.click("summary");
  await anna.fill("Sesame", ".options input");
  const link = await makeLink(anna);
  await bert.page.goto(link);
  await bert.reads(/wants to send you something/i);
  await everyLook(bert, "receive-gate");
  await bert.fill("wrong", ".passphrase");
  await bert.click("Receive");
  await bert.reads(/not the right passphrase/i);
  await everyLook(bert, "receive-passphrase");
  await bert.fill("Sesame", ".passphrase");
  await bert.click("Try again");
  await bert.reads(/do you want it/i);
  await anna.page.close();
  const accepted = bert.page.evaluate(() => document.querySelector(".offer") !== null);
  assert.ok(await accepted);
  await bert.click("Accept");
  await bert.reads(/the sender is not there/i);
  await everyLook(bert, "receive-waiting");
  await bert.page.goto(`${server.url}/t/${"A".repeat(26)}#${"A".repeat(22)}`);
  await bert.reads(/nothing behind this link/i);
  await everyLook(bert, "receive-unknown");
});

/** The browser's storage takes so many pieces and no more before window.go is set. */
const stuck = (person, pieces) => person.page.addInitScript((pieces) => {
  const post = Worker.prototype.postMessage;
  const held = [];
  let taken = 0;
  Worker.prototype.postMessage = function (order, ...more) {
    if (order?.do !== "write" || taken++ < pieces || window.going) post.call(this, order, ...more);
    else held.push(() => post.call(this, order, ...more));
  };
  window.go = () => {
    window.going = true;
    for (const go of held) go();
  };
}, pieces);

scenario("the pages while data flows, and while it does not, are accessible in every look", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const [anna, bert] = [await chromium.person("anna"), await chromium.person("bert")];
  await stuck(bert, 20);
  await choose(anna, server, { name: "holiday film.mkv", buffer: noise(40_000_000) });
  const link = await makeLink(anna);
  await take(bert, link);
  await bert.reads(/holiday film/);
  await everyLook(bert, "receive-offer-one");
  await bert.click("Accept");
  await bert.reads(/receiving, straight from device to device/i);
  await anna.reads(/receiving, straight/i);
  await everyLook(bert, "receive-moving");
  await everyLook(anna, "send-moving");
  await anna.page.close();
  await bert.reads(/the sender is not there/i);
  await everyLook(bert, "receive-paused");
  await bert.click("Stop");
  await bert.reads(/you stopped it/i);
  await everyLook(bert, "receive-stopped");
});

scenario("the pages of links that lead nowhere any more are accessible in every look", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const [anna, bert] = [await chromium.person("anna"), await chromium.person("bert")];
  const made = await fetch(`${server.url}/v1/transfers`, { method: "POST", headers: { "content-type": "application/json" }, body: '{"expiresIn":10}' });
  const { id } = await made.json();
  const begun = Date.now();

  await choose(anna, server, { name: "a.txt", buffer: Buffer.from("a") });
  const link = await makeLink(anna);
  const code = await anna.page.textContent(".spoken-code");
  const [plate, first] = code.split("-");
  await bert.page.goto(`${server.url}/t/code#${plate}-${first === "walnut" ? "acorn" : "walnut"}-umbrella`);
  await bert.click("Receive");
  await bert.reads(/not the right code/i);
  await everyLook(bert, "receive-wrong-code");

  await take(bert, link);
  await bert.reads(/a\.txt/);
  await anna.click("Stop sending");
  await bert.reads(/withdrawn|stopped/i);
  await everyLook(bert, "receive-revoked-at-work");
  await bert.page.goto("about:blank");
  await bert.page.goto(link);
  await bert.reads(/this link was withdrawn/i);
  await everyLook(bert, "receive-revoked");

  await eventually("the link has expired", async () => (await (await fetch(`${server.url}/v1/transfers/${id}`)).json()).reason === "expired" || Date.now() - begun > 60_000);
  await bert.page.goto("about:blank");
  await bert.page.goto(`${server.url}/t/${id}#${"A".repeat(22)}`);
  await bert.reads(/this link has expired/i);
  await everyLook(bert, "receive-expired");
});

scenario("a closed server says how one may send, and a token lets one", async (stage) => {
  const server = await stage.server({ args: ["--no-open"] });
  const chromium = await stage.chromium();
  const [anna, bert] = [await chromium.person("anna"), await chromium.person("bert")];
  await anna.page.goto(`${server.url}/send`);
  await anna.reads(/only invited people send/i);
  await anna.page.click("summary");
  await everyLook(anna, "send-closed");
  const token = await server.token({ room: "transfers", identity: "anna", grants: "data" });
  await anna.page.goto("about:blank");
  await anna.page.goto(`${server.url}/send#token=${token}`);
  await anna.reads(/drop files or folders/i);
  assert.equal(await anna.page.evaluate(() => location.hash), "");
  await anna.page.setInputFiles(".choose-files", { name: "a.txt", mimeType: "text/plain", buffer: Buffer.from("a") });
  await take(bert, await makeLink(anna));
  await bert.reads(/a\.txt/);
});
