import assert from "node:assert/strict";
import { everyLook } from "../harness/axe.mjs";
import { accept } from "../harness/filespage.mjs";
import { scenario } from "../harness/scenario.mjs";

scenario("two devices nearby see each other, and one click sends", async (stage) => {
  const server = await stage.server({ args: ["--nearby"] });
  const chromium = await stage.chromium();
  const [anna, bert] = [await chromium.person("anna"), await chromium.person("bert")];
  for (const p of [anna, bert]) {
    await p.page.goto(`${server.url}/send`);
    await p.page.evaluate((name) => localStorage.setItem("switchyard:name", name), p.name);
    await p.page.reload();
  }
  await anna.click("Look for them");
  await anna.reads(/nobody else is looking here yet/i);
  assert.doesNotMatch(await bert.page.evaluate(() => window.probe.text()), /anna/, "who does not look is shown nobody");
  await bert.click("Look for them");
  await anna.reads(/bert\s+Computer/);
  await bert.reads(/anna\s+Computer/);
  await anna.page.setInputFiles(".choose-files", { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("hello bert") });
  await anna.click("Send to bert");
  await bert.reads(/anna wants to send you something[\s\S]*notes\.txt, 10 bytes/i);
  await everyLook(bert, "nearby-question");
  await bert.click("No, thanks");
  await anna.reads(/they do not want it/i);
  await everyLook(anna, "nearby-declined");

  await anna.click("Withdraw the link");
  await anna.click("Send something else");
  await anna.reads(/drop files or folders/i);
  await anna.page.setInputFiles(".choose-files", { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("hello bert") });
  await anna.click("Send to bert");
  await bert.reads(/wants to send you something/i);
  await bert.page.click("dialog button.primary"); // the form below has a Receive, too
  await bert.reads(/do you want it/i);
  assert.equal((await accept(bert)).bytes.toString(), "hello bert");
  await anna.reads(/they have it/i);
});
