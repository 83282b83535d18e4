import { scenario } from "../harness/scenario.mjs";
import { eventually } from "../harness/wait.mjs";

scenario("a viewer chooses immediate pictures, then smooth ones", async (stage) => {
  const server = await stage.server();
  const link = await server.invite();
  const chromium = await stage.chromium();
  const anna = await chromium.person("anna");
  const bert = await chromium.person("bert");
  await anna.join(link);
  await bert.join(link);
  await bert.seesOthers(1);

  // How long Chromium keeps a frame, in seconds, of the frames since the last look.
  let last = { delay: 0, frames: 0 };
  const kept = async () => {
    const now = await bert.page.evaluate(async () => {
      const all = (await Promise.all([...window.probe.links].map((l) => l.getStats()))).flatMap((r) => [...r.values()]);
      const video = all.filter((s) => s.type === "inbound-rtp" && s.kind === "video" && s.framesDecoded > 0);
      const sum = (key) => video.reduce((n, s) => n + (s[key] ?? 0), 0);
      return { delay: sum("jitterBufferDelay"), frames: sum("jitterBufferEmittedCount") };
    });
    const seconds = (now.delay - last.delay) / (now.frames - last.frames);
    last = now;
    return seconds;
  };
  const becomes = (what, ok) =>
    eventually(what, async () => {
      const seconds = await kept();
      if (!ok(seconds)) throw new Error(`frames are kept for ${seconds} s`);
      return true;
    }, { every: 1000 });

  await bert.page.evaluate(() => window.switchyard.room.play("immediate"));
  await becomes("frames are shown at once", (s) => s < 0.1);
  await bert.page.evaluate(() => window.switchyard.room.play("smooth"));
  await becomes("frames are kept", (s) => s > 0.18);
});
