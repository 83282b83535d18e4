import assert from "node:assert/strict";
import { scenario } from "../harness/scenario.mjs";

for (const codec of ["VP8", "VP9", "AV1"]) {
  scenario(`Firefox sees ${codec} and is seen`, async (stage) => {
    // Firefox gathers no loopback candidate where the machine has another address.
    const server = await stage.server({ mediaHost: "0.0.0.0" });
    const link = await server.invite();
    const anna = await (await stage.chromium()).person("anna");
    const fred = await (await stage.firefox()).person("fred");
    await anna.join(link, { codec });
    await fred.join(link, { codec });
    await fred.seesOthers(1);
    await anna.seesOthers(1);
    await fred.hears(1);
    await anna.hears(1);
    const [received] = await fred.decoding();
    assert.equal(received.codec, `video/${codec}`, "what Firefox decodes");
    const [seen] = await anna.decoding();
    assert.equal(seen.codec, `video/${codec}`, "what Chromium decodes");
    await fred.screenshot(`firefox_${codec}`);
    await fred.click("Leave");
    await anna.seesOthers(0);
  });
}
