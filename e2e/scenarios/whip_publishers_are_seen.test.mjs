import assert from "node:assert/strict";
import { scenario } from "../harness/scenario.mjs";

/** GStreamer's test picture and tone as RTP, by Debian's packages. */
const video = "videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=180,framerate=25/1 ! vp8enc deadline=1 keyframe-max-dist=50 target-bitrate=400000 ! rtpvp8pay pt=96 ssrc=2 ! queue ! application/x-rtp,media=video,encoding-name=VP8,payload=96";
const audio = "audiotestsrc is-live=true wave=sine freq=440 ! opusenc ! rtpopuspay pt=111 ssrc=1 ! queue ! application/x-rtp,media=audio,encoding-name=OPUS,payload=111";

scenario("WHIP from Debian's simple-whip-client is seen in Chromium", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const anna = await chromium.person("anna");
  await anna.join(await server.invite());
  const token = await server.token({ identity: "gst", grants: "publish" });
  const whip = stage.process("whip-client", ["-u", `${server.url}/whip/test`, "-t", token, "-A", audio, "-V", video], "whip-client");
  try {
    await anna.seesOthers(1, { from: "gst", within: 40_000 });
    await anna.hears(1);
  } catch (err) {
    err.message += `\nwhip-client: ${whip.tail()}`;
    throw err;
  }
  const [picture] = await anna.decoding();
  assert.equal(picture.codec, "video/VP8");
  // Its DELETE takes it out of the room.
  await whip.stop({ signal: "SIGINT" });
  await anna.seesOthers(0);
}, { within: 120_000 });
