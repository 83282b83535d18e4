import assert from "node:assert/strict";
import path from "node:path";
import { scenario } from "../harness/scenario.mjs";
import { root } from "../harness/process.mjs";

const script = path.join(root, "e2e/peers/whip_gstreamer.py");

for (const codec of ["VP8", "H264"]) {
  scenario(`WHIP from GStreamer's webrtcbin is seen in Chromium (${codec})`, async (stage) => {
    const server = await stage.server();
    const chromium = await stage.chromium();
    const anna = await chromium.person("anna");
    await anna.join(await server.invite());
    const token = await server.token({ identity: "gst", grants: "publish" });
    const whip = stage.process("/usr/bin/python3", [script, `${server.url}/whip/test`, token, codec.toLowerCase()], "gstreamer");
    try {
      await anna.seesOthers(1, { from: "gst" });
      await anna.hears(1);
    } catch (err) {
      err.message += `\ngstreamer: ${whip.tail(200)}`;
      throw err;
    }
    const [picture] = await anna.decoding();
    assert.equal(picture.codec, `video/${codec}`);
    // Its DELETE takes it out of the room.
    const { code } = await whip.stop({ signal: "SIGINT" });
    assert.equal(code, 0, whip.tail());
    assert.match(whip.text.stderr, /DELETE 200/);
    await anna.seesOthers(0);
  });
}
