// A camera in a codec that not everybody decodes: its browser adds another encoding while somebody needs it.
import assert from "node:assert/strict";
import { scenario } from "../harness/scenario.mjs";
import { eventually } from "../harness/wait.mjs";

/** Watches the room's program by WHEP in a page, with one video codec; the tile is as in a call. */
function watch(person, token, codec) {
  return person.page.evaluate(async ([token, codec]) => {
    const pc = new RTCPeerConnection();
    const transceiver = pc.addTransceiver("video", { direction: "recvonly" });
    const mimes = [`video/${codec}`, "video/rtx"];
    transceiver.setCodecPreferences(RTCRtpReceiver.getCapabilities("video").codecs.filter((c) => mimes.includes(c.mimeType)));
    const tile = document.body.appendChild(document.createElement("div"));
    Object.assign(tile.dataset, { participant: "program", track: "program", kind: "video" });
    const video = tile.appendChild(document.createElement("video"));
    Object.assign(video, { muted: true, autoplay: true, srcObject: new MediaStream([transceiver.receiver.track]) });
    await pc.setLocalDescription();
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/sdp" };
    const answer = await fetch("/whep/test", { method: "POST", headers, body: pc.localDescription.sdp });
    await pc.setRemoteDescription({ type: "answer", sdp: await answer.text() });
    window.stopWatching = async () => {
      await fetch(answer.headers.get("location"), { method: "DELETE", headers });
      pc.close();
      tile.remove();
    };
  }, [token, codec]);
}

/** Frames that somebody encoded of each m-line so far, by m-line. */
async function encoded(person) {
  const frames = new Map();
  for (const s of (await person.stats()).outbound) {
    if (s.kind === "video") frames.set(s.mid, (frames.get(s.mid) ?? 0) + s.framesEncoded);
  }
  return frames;
}

/** The m-line of somebody's camera. */
function lineOf(person) {
  return eventually("the line of the camera", () => person.page.evaluate(() => window.switchyard.room.localTracks.find((t) => t.kind === "video" && t.info)?.position.transceiver.mid));
}

/** The m-line of somebody's backup, "" before there is one. */
function backupOf(person, codec) {
  return person.page.evaluate((codec) => {
    const camera = window.switchyard.room.localTracks.find((t) => t.kind === "video");
    return camera.backups.find((b) => b.codec === codec)?.mid ?? "";
  }, codec);
}

/** Waits until an m-line encodes. */
async function encodes(person, mid) {
  const frames = (await encoded(person)).get(mid) ?? 0;
  await eventually(`m-line ${mid} is encoded`, async () => ((await encoded(person)).get(mid) ?? 0) > frames, { every: 20 });
}

/** Waits until an m-line rests: the page has switched all its encodings off, and what was on its way has been encoded. */
async function rests(person, mid) {
  let frames = -1;
  await eventually(`m-line ${mid} rests`, async () => {
    const off = await person.page.evaluate((mid) => {
      const lines = window.probe.links.flatMap((l) => (l.connectionState === "closed" ? [] : l.getTransceivers()));
      return lines.find((t) => t.mid === mid).sender.getParameters().encodings.every((e) => !e.active);
    }, mid);
    const before = frames;
    frames = (await encoded(person)).get(mid) ?? 0;
    return off && frames === before;
  }, { every: 500 });
}

/** What somebody decodes in AV1. */
async function inAV1(person) {
  const [video] = await person.decoding();
  assert.equal(video.codec, "video/AV1");
  return video;
}

scenario("a camera in AV1 is sent in VP8 as well while somebody needs that", async (stage) => {
  const server = await stage.server();
  const link = await server.invite();
  const chromium = await stage.chromium();
  const [anna, bert, carl] = [await chromium.person("anna"), await chromium.person("bert"), await chromium.person("carl")];
  await anna.join(`${link}?codec=av1`);
  assert.match(anna.page.url(), /\/r\/test\?codec=av1$/, "the way into the room keeps ?codec=");
  // Bert only watches: the room's program is anna.
  await bert.join(await server.invite({ more: ["--role", "viewer"] }));
  await bert.seesOthers(1, { from: await anna.me() });
  const before = await inAV1(bert);
  assert.equal(await backupOf(anna, "VP8"), "", "there is no backup while nobody needs it");
  const line = await lineOf(anna);

  await carl.page.goto(`${server.url}/doctor`);
  const token = await server.token({ identity: "carl", grants: "subscribe" });
  const sentBefore = (await encoded(anna)).get(line);
  const began = Date.now();
  await watch(carl, token, "VP8");
  const mid = await eventually("anna encodes a backup", async () => {
    const mid = await backupOf(anna, "VP8");
    return mid && (await encoded(anna)).get(mid) > 0 && mid;
  }, { every: 20 });
  const first = Date.now() - began;
  await carl.seesOthers(1);
  const [seen] = await carl.decoding();
  assert.equal(seen.codec, "video/VP8");
  console.log(`the backup was encoded within ${first} ms of the request, and seen within ${Date.now() - began}`);

  // It is one track to everybody: bert has heard of no other.
  const tracks = await bert.page.evaluate(() => window.switchyard.room.participants.flatMap((p) => p.tracks).filter((t) => t.kind === "video").length);
  assert.equal(tracks, 1, "anna's camera");

  // How soon is for the gate of dynacast to judge, by packets on the wire.
  await carl.page.evaluate(() => window.stopWatching());
  await rests(anna, mid);
  await watch(carl, token, "VP8");
  await encodes(anna, mid);
  await carl.seesOthers(1);
  assert.equal(await backupOf(anna, "VP8"), mid, "it is the backup of before");

  // Bert had AV1 all the time, and no picture was lost.
  const after = await inAV1(bert);
  const [came, sent] = [after.framesReceived - before.framesReceived, (await encoded(anna)).get(line) - sentBefore];
  assert.ok(came > 0.8 * sent && sent > 0, `bert got ${came} of ${sent} pictures`);
  assert.deepEqual([after.ssrc, after.packetsLost], [before.ssrc, before.packetsLost]);
});

scenario("somebody whose browser has no AV1 sees the camera in the call, also after it was off", async (stage) => {
  const server = await stage.server();
  const link = await server.invite();
  const chromium = await stage.chromium();
  const [anna, bert] = [await chromium.person("anna"), await chromium.person("bert")];
  await bert.page.addInitScript(() => {
    const capabilities = RTCRtpReceiver.getCapabilities.bind(RTCRtpReceiver);
    RTCRtpReceiver.getCapabilities = (kind) => {
      const all = capabilities(kind);
      return { ...all, codecs: all.codecs.filter((c) => !/AV1|VP9/i.test(c.mimeType)) };
    };
  });
  await anna.join(`${link}?codec=av1`);
  const line = await lineOf(anna);
  await eventually("anna has sent AV1", async () => (await encoded(anna)).get(line) > 0);
  await rests(anna, line);
  const before = (await encoded(anna)).get(line);
  await bert.join(link);
  await bert.seesOthers(1, { from: await anna.me() });
  const [picture] = await bert.decoding();
  assert.equal(picture.codec, "video/VP8");
  assert.equal((await encoded(anna)).get(line), before, "nobody needs the AV1, and it is not encoded");
  await anna.page.keyboard.press("v");
  await bert.seesOthers(0);
  await anna.page.keyboard.press("v");
  await bert.seesOthers(1, { from: await anna.me() });
  await anna.page.keyboard.press("n");
  await anna.reads(/Your camera in VP8/);
});

scenario("a WHEP player with H.264 alone sees a camera in VP8", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const [anna, carl] = [await chromium.person("anna"), await chromium.person("carl")];
  await anna.join(await server.invite());
  await carl.page.goto(`${server.url}/doctor`);
  await watch(carl, await server.token({ identity: "carl", grants: "subscribe" }), "H264");
  await carl.seesOthers(1);
  const [seen] = await carl.decoding();
  assert.equal(seen.codec, "video/H264");
});

scenario("Firefox, which has no H.264, sees a camera in H.264", async (stage) => {
  // Firefox gathers no loopback candidate where the machine has another address.
  const server = await stage.server({ mediaHost: "0.0.0.0" });
  const link = await server.invite();
  const anna = await (await stage.chromium()).person("anna");
  const fred = await (await stage.firefox()).person("fred");
  await anna.join(`${link}?codec=h264`);
  await fred.join(link);
  await fred.seesOthers(1);
  const [seen] = await fred.decoding();
  assert.equal(seen.codec, "video/VP8");
  assert.equal(await fred.page.evaluate(() => window.switchyard.room.participants.find((p) => p.name === "anna").tracks.find((t) => t.kind === "video").codec), "H264");
});
