import assert from "node:assert/strict";
import { choose, makeLink, noise, sha } from "../harness/filespage.mjs";
import { scenario } from "../harness/scenario.mjs";
import { eventually } from "../harness/wait.mjs";

scenario("Firefox receives a file that Chromium sends", async (stage) => {
  const server = await stage.server({ mediaHost: "0.0.0.0" });
  const chromium = await stage.chromium();
  const anna = await chromium.person("anna");
  const fred = await (await stage.firefox()).person("fred");
  const film = noise(5_000_001, 9);
  await choose(anna, server, { name: "film.webm", buffer: film });
  const link = await makeLink(anna);
  await fred.page.goto(link);
  await fred.reads(/wants to send you something/i);
  // What it saves is looked at on its way to the downloads, which WebDriver does not show.
  await fred.page.evaluate(() => {
    const make = URL.createObjectURL;
    URL.createObjectURL = (blob) => {
      window.savedFile = blob;
      return make.call(URL, blob);
    };
    HTMLAnchorElement.prototype.click = function () {
      window.savedAs = this.download;
    };
  });
  await fred.click("Receive");
  await fred.reads(/film\.webm/);
  await fred.click("Accept");
  await fred.reads(/it is all here/i);
  await anna.reads(/they have it/i);
  assert.equal(await eventually("it is saved", () => fred.page.evaluate(() => window.savedAs)), "film.webm");
  const got = await fred.page.evaluate(async () => {
    const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", await window.savedFile.arrayBuffer()));
    return [...hash].map((b) => b.toString(16).padStart(2, "0")).join("");
  });
  assert.equal(got, sha(film));
  await fred.screenshot("firefox_received");
});
