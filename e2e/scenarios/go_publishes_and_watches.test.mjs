import assert from "node:assert/strict";
import { example } from "../harness/example.mjs";
import { scenario } from "../harness/scenario.mjs";
import { eventually } from "../harness/wait.mjs";

scenario("the built-in clip is seen and heard in Chromium", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const anna = await chromium.person("anna");
  await anna.join(await server.invite());
  const publish = stage.switchyard(["publish", "--data", server.data, "--room", "test"]);
  try {
    const [tile] = await anna.seesOthers(1);
    assert.match(tile.participant, /^publish-/);
    assert.deepEqual([tile.width, tile.height], [640, 360]);
    await anna.hears(1);
  } catch (err) {
    err.message += `\npublish: ${publish.tail()}`;
    throw err;
  }
  const { code } = await publish.stop({ signal: "SIGINT" });
  assert.equal(code, 0, publish.tail());
  await anna.seesOthers(0);
});

scenario("switchyard watch counts what Chromium publishes", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const anna = await chromium.person("anna");
  await anna.join(await server.invite());
  const watch = stage.switchyard(["watch", "--data", server.data, "--room", "test", "--json"]);
  const me = await anna.me();
  const reports = () => watch.text.stdout.split("\n").filter((l) => l.endsWith("}")).map((l) => JSON.parse(l));
  const of = (report, kind) => report.tracks.find((t) => t.kind === kind && t.participant === me);
  const flows = (r) => of(r, "video")?.fps > 5 && of(r, "audio")?.packets > 50;
  const seconds = await eventually("three reports with picture and sound", () => {
    const good = reports().filter(flows);
    if (good.length < 3) throw new Error(watch.tail(3));
    return good;
  });

  const last = seconds.at(-1);
  const video = of(last, "video");
  const audio = of(last, "audio");
  assert.equal(last.participants, 2);
  assert.equal(last.state, "connected");
  assert.equal(audio.codec, "opus");
  assert.equal(video.source, "camera");
  assert.ok(video.keyframes >= 1 && video.width > 0 && video.height > 0, JSON.stringify(video));
  // The counts agree with the sender's, which has sent more meanwhile, and nothing is lost on loopback.
  const { outbound } = await anna.stats();
  const sent = outbound.filter((s) => s.kind === "video").reduce((n, s) => n + s.packetsSent, 0);
  assert.ok(video.packets <= sent, `${video.packets} packets received, ${sent} sent`);
  assert.equal(video.lost, 0);
  assert.equal(audio.lost, 0);
  const { code } = await watch.stop({ signal: "SIGINT" });
  assert.equal(code, 0, watch.tail());
});

scenario("the example prints who speaks", async (stage) => {
  const server = await stage.server();
  const program = await example("speakers");
  const speakers = stage.process(program, [await server.invite()], "speakers");
  stage.switchyard(["publish", "--data", server.data, "--copies", "3", "--talk", "--room", "test"]);
  await eventually("all three are printed", () => {
    const spoke = new Set(speakers.text.stdout.match(/publish-\w+(?= speaks)/g));
    if (spoke.size < 3) throw new Error(speakers.tail());
    return true;
  });
});
