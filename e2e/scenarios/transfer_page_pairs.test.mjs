import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { everyLook } from "../harness/axe.mjs";
import { accept, folder } from "../harness/filespage.mjs";
import { scenario } from "../harness/scenario.mjs";
import { eventually } from "../harness/wait.mjs";

const notes = (text) => ({ name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from(text) });

/** What a page shows in its list of paired devices. */
function paired(person) {
  return person.page.$$eval(".pairs li", (rows) => rows.map((r) => `${r.querySelector(".file-name").textContent}: ${r.querySelector(".small").textContent}`));
}

function lists(person, wanted) {
  return eventually(`${person.name} lists ${wanted}`, async () => {
    assert.deepEqual(await paired(person), wanted);
    return true;
  });
}

/** Opens the page on a device of that name. */
async function open(server, person) {
  await person.page.goto(`${server.url}/send`);
  await person.page.evaluate((name) => localStorage.setItem("switchyard:device-name", name), person.name);
  await person.page.reload();
  await person.reads(/your devices/i);
}

/** The code that a page shows. */
function shownCode(person) {
  return eventually("a code is shown", async () => {
    const code = await person.page.textContent(".show-code .spoken-code");
    assert.match(code, /^\d+-[a-z]+-[a-z]+$/);
    return code;
  });
}

async function pair(shows, types) {
  await shows.click("Pair a device");
  const code = await shownCode(shows);
  await everyLook(shows, "pair-code");
  await types.click("Pair a device");
  await types.page.fill(".pair-form input", code);
  await types.page.click(".pair-form button");
  for (const [p, other] of [[shows, types], [types, shows]]) {
    await p.reads(new RegExp(`paired with ${other.name}`, "i"));
    await p.click("Done");
  }
}

scenario("two devices that were paired once find each other again, and one click sends", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const [laptop, phone] = [await chromium.person("laptop"), await chromium.person("phone")];
  for (const p of [laptop, phone]) await open(server, p);
  await pair(laptop, phone);
  await lists(laptop, ["phone: There now · Computer"]);
  await lists(phone, ["laptop: There now · Computer"]);
  await everyLook(laptop, "pair-listed");

  // After a reload each is there again, without a click.
  await phone.page.goto("about:blank");
  await lists(laptop, ["phone: Not there now"]);
  await phone.page.goto(`${server.url}/send`);
  await lists(laptop, ["phone: There now · Computer"]);
  await lists(phone, ["laptop: There now · Computer"]);

  await laptop.page.setInputFiles(".choose-files", notes("hello phone"));
  await laptop.click("Send to phone");
  await phone.reads(/laptop wants to send you something[\s\S]*notes\.txt, 11 bytes/i);
  await phone.click("No, thanks");
  await laptop.reads(/they do not want it/i);

  await laptop.click("Withdraw the link");
  await laptop.click("Send something else");
  await laptop.page.setInputFiles(".choose-files", notes("hello again"));
  await laptop.click("Send to phone");
  await phone.reads(/wants to send you something/i);
  await phone.page.click("dialog button.primary");
  await phone.reads(/do you want it/i);
  assert.equal((await accept(phone)).bytes.toString(), "hello again");
  await laptop.reads(/they have it/i);

  // Another name here, and then none.
  await laptop.click("Send something else");
  await laptop.click("Change phone");
  await everyLook(laptop, "pair-change");
  await laptop.page.fill(".pair-form input", "Ann's phone");
  await laptop.click("Save");
  await phone.page.goto(`${server.url}/send`);
  await lists(laptop, ["Ann's phone: There now · Computer"]);
  await laptop.click("Change Ann's phone");
  await laptop.click("Forget it");
  await lists(laptop, []);
  await lists(phone, ["laptop: Not there now"]);
  await laptop.page.reload();
  await laptop.reads(/pair your phone and your computer once/i);
  await lists(phone, ["laptop: Not there now"]);
});

scenario("a page and the command line are paired and send to each other", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const laptop = await chromium.person("laptop");
  const dir = folder(stage, { "hello.txt": Buffer.from("from the command line"), "in/": null });
  const env = { XDG_STATE_HOME: path.join(dir, "state") };
  const run = (args, log) => stage.switchyard([args[0], "--data", server.data, ...args.slice(1)], log, { env });
  await open(server, laptop);

  // The page takes the code that the command shows, as a scan brings it.
  const shows = run(["pair", "--name", "the desk"], "pair");
  const code = await eventually("the command shows a code", () => {
    const [found] = shows.text.stdout.match(/^\d+-[a-z]+-[a-z]+$/m) ?? [];
    assert.ok(found, shows.tail());
    return found;
  });
  await laptop.page.goto(`${server.url}/send#pair=${code}`);
  await laptop.reads(/pair with the device that shows this code/i);
  assert.equal(await laptop.page.evaluate(() => location.hash), "", "a code is good for one try and does not stay in the address");
  await everyLook(laptop, "pair-scanned");
  await laptop.page.click(".pair-form button");
  await laptop.reads(/paired with the desk/i);
  await everyLook(laptop, "pair-done");
  await laptop.click("Done");
  await lists(laptop, ["the desk: Not there now"]);
  assert.equal((await shows.exited).code, 0, shows.tail());

  const sends = run(["send", "--to", "laptop", path.join(dir, "hello.txt")], "send-to");
  await laptop.reads(/the desk wants to send you something[\s\S]*hello\.txt, 21 bytes/i);
  await lists(laptop, ["the desk: There now · Computer"]);
  await laptop.page.click("dialog button.primary");
  await laptop.reads(/do you want it/i);
  assert.equal((await accept(laptop)).bytes.toString(), "from the command line");
  assert.equal((await sends.exited).code, 0, sends.tail());
  await laptop.click("Send something");

  const refused = run(["send", "--to", "laptop", path.join(dir, "hello.txt")], "send-refused");
  await laptop.reads(/wants to send you something/i);
  await laptop.click("No, thanks");
  assert.equal((await refused.exited).code, 1, refused.tail());
  assert.match(refused.text.stderr, /laptop does not want it/);

  const receives = run(["receive", "--paired", "--yes", "--to", path.join(dir, "in")], "receive-paired");
  await lists(laptop, ["the desk: There now · Computer"]);
  await laptop.page.setInputFiles(".choose-files", notes("from the page"));
  await laptop.click("Send to the desk");
  assert.equal((await receives.exited).code, 0, receives.tail());
  assert.equal(readFileSync(path.join(dir, "in", "notes.txt"), "utf8"), "from the page");
  await laptop.reads(/they have it/i);
});

scenario("a wrong code pairs nobody, and whoever was sent something can be remembered", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const [laptop, phone] = [await chromium.person("laptop"), await chromium.person("phone")];
  for (const p of [laptop, phone]) await open(server, p);
  await laptop.click("Pair a device");
  const first = await shownCode(laptop);
  await phone.click("Pair a device");
  await phone.page.fill(".pair-form input", `${first.split("-")[0]}-acorn-umbrella`);
  await phone.page.click(".pair-form button");
  await phone.reads(/that was not the code/i);
  await laptop.reads(/somebody typed a wrong code/i);
  await everyLook(phone, "pair-wrong-code");
  await eventually("there is another code", async () => assert.notEqual(await shownCode(laptop), first) ?? true);
  for (const p of [laptop, phone]) await p.click("Close");
  await lists(phone, []);

  await laptop.page.setInputFiles(".choose-files", notes("hello"));
  await laptop.click("Create a link");
  await phone.page.goto(server.url + (await laptop.page.inputValue("#transfer-link")).replace(/^https:\/\/[^/]+/, ""));
  await phone.page.click("button.primary");
  await accept(phone);
  await laptop.reads(/they have it/i);
  for (const p of [laptop, phone]) {
    await everyLook(p, `remember-${p.name}`);
    await p.click("Remember this device");
    await p.reads(/remembered/i);
  }
  await laptop.click("Send something else");
  await phone.page.goto(`${server.url}/send`);
  for (const p of [laptop, phone]) {
    await eventually(`${p.name} finds the other`, async () => {
      const [one, ...more] = await paired(p);
      assert.match(one ?? "", /: There now · Computer$/);
      assert.equal(more.length, 0);
      return true;
    });
  }
});
