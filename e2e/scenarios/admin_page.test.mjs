import assert from "node:assert/strict";
import { accessible, everyLook } from "../harness/axe.mjs";
import { scenario } from "../harness/scenario.mjs";
import { eventually } from "../harness/wait.mjs";

scenario("an admin watches a room live, and taps a link", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const admin = await chromium.person("admin");
  const { page } = admin;
  admin.expectErrors(/401|403/);

  await page.goto(`${server.url}/admin`);
  await accessible(admin, "the gate");
  const guest = await server.token({ identity: "ann" });
  await page.fill("input", guest);
  await admin.click("Open");
  await eventually("a guest's token is refused in words", async () => /admin token/i.test(await page.innerText("[role=alert]")));

  const token = (await server.cli("token", ["--admin"])).trim();
  await page.goto(`${server.url}/admin#token=${token}`);
  await eventually("the page is open", async () => (await page.innerText("main")).includes("No room is open"));
  assert.ok(!page.url().includes(token), "the token does not stay in the address");

  const crowd = stage.switchyard(["publish", "--data", server.data, "--room", "demo", "--copies", "4"], "crowd");
  await eventually("four people stand around the server", async () => (await page.locator(".graph-person").count()) === 4);
  await eventually("what they send is drawn", async () => {
    const widths = await page.locator(".graph-edge[data-way=in] .graph-pipe").evaluateAll((all) => all.map((p) => Number(p.getAttribute("stroke-width"))));
    return widths.length === 4 && widths.every((w) => w > 1.6);
  });
  assert.equal(await page.locator("tbody tr[data-link]").count(), 4, "the table has the same links");
  await eventually("rates come in", async () => /\d kbit\/s|Mbit/.test(await page.innerText("[data-fact='Comes in'] dd")));

  await page.locator(".graph-person").first().focus();
  await page.keyboard.press("Enter");
  const panel = page.locator(".link-panel");
  await eventually("the link is told of", async () => /VP8/.test(await panel.innerText()));
  await everyLook(admin, "admin");

  await admin.click("Watch events");
  await eventually("events come", async () => /"event"/.test(await page.innerText(".tap-log")));
  await admin.click("Stop watching");
  const [download] = await Promise.all([page.waitForEvent("download"), admin.click("Download packets")]);
  const stream = await download.createReadStream();
  let head = "";
  for await (const chunk of stream) if (head.length < 12) head += chunk.toString("latin1");
  assert.match(head, /^#!rtpplay1\.0/);

  await admin.click("Mute");
  await eventually("what they send is muted", async () => /muted/.test(await panel.innerText()));
  await admin.click("Remove");
  await page.locator(".link-panel button", { hasText: /^Remove .+\?$/ }).click();
  await eventually("one is removed, after a second click", async () => (await page.locator(".graph-person").count()) < 4);

  await crowd.stop({ signal: "SIGINT" }).catch(() => {}); // it may have ended with the one that was removed
  await eventually("they are gone", async () => (await page.locator(".graph-person").count()) === 0);

  await server.kill();
  admin.expectErrors(/ERR_|Failed to load|network/i);
  await eventually("the page says that the server does not answer", async () => /Trying again/.test(await page.innerText("[role=alert]")));
  await server.launch();
  await eventually("and goes on when it is back", async () => (await page.locator("[role=alert]").count()) === 0);

  await admin.click("Sign out");
  await eventually("the gate is shown", async () => (await page.locator("input").count()) === 1);
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
});
