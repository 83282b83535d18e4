// How long a newcomer waits: from the click on Join to the first decoded frame of somebody else's
// picture, in Chromium, ten times. Prints JSON.
//
//   node e2e/gates/first_frame.mjs [--times 10]

import { parseArgs } from "node:util";
import { Chromium } from "../harness/browsers.mjs";
import { Process, binary } from "../harness/process.mjs";
import { Server } from "../harness/server.mjs";
import { eventually } from "../harness/wait.mjs";

const { values } = parseArgs({ options: { times: { type: "string", default: "10" } } });
const room = "first";

const server = await Server.start({ log: "first-server" });
const host = new Process(binary, ["publish", "--data", server.data, "--room", room], { log: "first-host" });
const chromium = await Chromium.start();
try {
  const link = await server.invite({ room });
  const waits = [];
  for (let i = 0; i < Number(values.times); i++) {
    const person = await chromium.person(`guest-${i}`);
    await person.page.goto(link);
    await person.introduce();
    await eventually("the Join button is there", () => person.page.evaluate(() => Boolean(window.probe.button("Join"))));
    waits.push(await person.page.evaluate(async () => {
      const start = performance.now();
      window.probe.button("Join").click();
      for (;;) {
        const { inbound } = await window.probe.stats();
        if (inbound.some((s) => s.kind === "video" && s.framesDecoded > 0)) return performance.now() - start;
        if (performance.now() - start > 20_000) throw new Error("no frame within 20 s");
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }));
    await person.page.context().close();
  }
  waits.sort((a, b) => a - b);
  const round = (x) => Math.round(x);
  console.log(JSON.stringify({ times: waits.length, medianMs: round(waits[Math.floor(waits.length / 2)]), worstMs: round(waits.at(-1)), allMs: waits.map(round) }));
} finally {
  await chromium.close();
  await host.stop({ signal: "SIGINT" }).catch(() => {});
  await server.close();
}
