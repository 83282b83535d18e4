import assert from "node:assert/strict";
import { everyLook } from "../harness/axe.mjs";
import { accept } from "../harness/filespage.mjs";
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
