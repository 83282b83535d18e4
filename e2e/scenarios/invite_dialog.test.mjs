import assert from "node:assert/strict";
import path from "node:path";
import { accessible, everyLook } from "../harness/axe.mjs";
import { out, run } from "../harness/process.mjs";
import { scenario } from "../harness/scenario.mjs";
import { eventually } from "../harness/wait.mjs";

const field = "#invitation-link";
const invitations = async (server, id) => (await fetch(`${server.url}/v1/invitations/${id}`)).json();
const idOf = (link) => link.split("/").pop();

/** The link in the dialog, once there is one; another than `before`. */
function linkOf(person, before = "") {
  return eventually("there is a link", async () => {
    const link = await person.page.inputValue(field);
    return link !== before && link;
  });
}

scenario("a host invites by link and by QR code, and withdraws", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const anna = await chromium.person("anna");
  await anna.page.context().grantPermissions(["camera", "microphone", "clipboard-read", "clipboard-write"]);
  await anna.join(await server.invite({ more: ["--role", "host"] }));
  await anna.click("Invite people");
  const link = await linkOf(anna);
  assert.deepEqual(await invitations(server, idOf(link)), { room: "test", role: "guest", valid: true });

  // What is on the screen is what a phone reads.
  for (const colorScheme of ["light", "dark"]) {
    await anna.page.emulateMedia({ colorScheme });
    const picture = path.join(out, `qr-${colorScheme}.png`);
    await anna.page.locator(".invitation .code svg").screenshot({ path: picture });
    assert.equal((await run("zbarimg", ["--quiet", "--raw", picture])).trim(), link);
  }
  await everyLook(anna, "invite");
  await anna.page.setViewportSize({ width: 1280, height: 800 });

  await anna.click("Copy");
  await anna.reads(/copied/i);
  assert.equal(await anna.page.evaluate(() => navigator.clipboard.readText()), link);

  // Another kind of link; the first stays good, for it was copied.
  await anna.page.selectOption(".choices label:nth-child(1) select", "viewer");
  const second = await linkOf(anna, link);
  assert.equal((await invitations(server, idOf(second))).role, "viewer");
  assert.equal((await invitations(server, idOf(link))).valid, true);
  await anna.page.selectOption(".choices label:nth-child(2) select", "1");
  const third = await linkOf(anna, second);
  await eventually("the second, which nobody got, is worth nothing", async () => !(await invitations(server, idOf(second))).valid);

  const bert = await chromium.person("bert");
  await bert.join(link);
  await bert.seesOthers(1);

  await anna.click("Withdraw the link: Guest");
  await eventually("the copied one is worth nothing", async () => (await invitations(server, idOf(link))).reason === "revoked");
  const carl = await chromium.person("carl");
  await carl.page.goto(link);
  await carl.reads(/was withdrawn/i);
  await anna.page.keyboard.press("Escape");
  await anna.page.waitForSelector("dialog[open]", { state: "detached" });
  assert.equal((await invitations(server, idOf(third))).valid, true);
});

scenario("where the room is open everybody passes its address on", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const anna = await chromium.person("anna");
  await anna.page.goto(server.url);
  await anna.click("Start a room");
  await anna.introduce();
  await anna.click("Join");
  await anna.connected();
  await accessible(anna, "alone in the room");
  const bert = await chromium.person("bert");
  await bert.page.goto(anna.page.url());
  await bert.introduce();
  await bert.click("Join");
  await bert.connected();
  await bert.seesOthers(1);
});

scenario("a phone in the same network scans the code of a host at localhost", async (stage) => {
  const server = await stage.server({ mediaHost: "0.0.0.0" });
  const chromium = await stage.chromium({ args: ["--ignore-certificate-errors"] }); // as one who goes on in spite of the warning
  const anna = await chromium.person("anna");
  await anna.page.goto(server.url);
  await anna.click("Start a room");
  await anna.introduce();
  await anna.click("Join");
  await anna.connected();
  await anna.click("Invite people");
  const link = await linkOf(anna);
  const { https } = await (await fetch(`${server.url}/v1/server`)).json();
  assert.ok(link.startsWith(`${https}/i/`), `${link} begins with ${https}`);
  assert.doesNotMatch(link, /localhost|127\.0\.0\.1/, "an address of this machine that others can reach");
  await anna.reads(/browsers may warn/i);
  const bert = await chromium.person("bert");
  bert.expectErrors(/certificate/i);
  await bert.join(link);
  await bert.seesOthers(1);
});
