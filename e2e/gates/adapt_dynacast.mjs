// How soon a publishing Chromium stops what nobody needs, and sends it again when somebody does: from the moment that
// the watcher's wish leaves its page to the first packet of the publisher on the wire, seen by the shaper between.

import { Chromium } from "../harness/browsers.mjs";
import { eventually, forAWhile } from "../harness/wait.mjs";

const rounds = 10;
const stopLimit = 2000, restartLimit = 300; // ms
const settled = 1500; // ms of flowing, or of resting, before the next change
const silent = 600; // ms without a packet: it has stopped
const large = { width: 1280, height: 800 }, small = { width: 340, height: 420 };

/** The whole camera when its tile goes and comes back; its largest layer when the tile shrinks and grows. */
export async function dynacast({ wire, film, server, verbose }, name) {
  const chromium = await Chromium.start({ namespace: wire.client, origin: server.url, args: [film.flag] });
  try {
    const link = await server.invite({ room: name });
    const anna = await chromium.person("anna"), bert = await chromium.person("bert");
    await anna.page.addInitScript(() => window.probe.film({ width: 1280, height: 720, frameRate: 25 }));
    await bert.page.addInitScript(noteWishes);
    await bert.page.setViewportSize(large);
    await anna.join(link);
    await bert.join(link);
    await bert.seesOthers(1, { from: await anna.me() });
    const camera = await eventually("anna sends all layers", async () => {
      const { outbound } = await anna.stats();
      const sent = outbound.filter((s) => s.kind === "video" && s.rid);
      return sent.some((s) => s.rid === "f" && s.packetsSent > 100) && new Map(sent.map((s) => [s.rid, s.ssrc]));
    });
    const wish = (look) => () => bert.page.evaluate((l) => window.switchyard.room.subscribe(l), look);
    const layer = await repeat(wire, bert, [camera.get("f")], () => bert.page.setViewportSize(small), () => bert.page.setViewportSize(large), verbose);
    const track = await repeat(wire, bert, [...camera.values()], wish([]), wish(undefined), verbose);
    const faults = [...anna.faults(), ...bert.faults()];
    const limits = [[faults.length === 0, `the pages showed errors: ${faults.join("; ")}`]];
    for (const [what, of] of Object.entries({ layer, track })) {
      limits.push([of.stopped.longest <= stopLimit, `a ${what} was sent for ${of.stopped.longest} ms after nobody needed it; at most ${stopLimit}`]);
      limits.push([of.restarted.ninth <= restartLimit, `in the ninth of ten times a ${what} came ${of.restarted.ninth} ms after it was needed again; at most ${restartLimit}`]);
    }
    return { layer, track, broken: limits.filter(([ok]) => !ok).map(([, what]) => what) };
  } finally {
    await chromium.close();
  }
}

/** Keeps when the page last told the server what it looks at. */
function noteWishes() {
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (data) {
    if (typeof data === "string" && data.includes('"subscribe"')) window.wished = Date.now();
    return send.call(this, data);
  };
}

async function repeat(wire, bert, ssrcs, leave, come, verbose) {
  const stopped = [], restarted = [];
  for (let round = 0; round < rounds; round++) {
    await forAWhile(settled);
    await eventually("it flows", async () => Date.now() - Math.max(...(await streams(wire, ssrcs)).map((s) => s.last)) < 200, { every: 50, within: 15_000 }); // Chromium rests a layer that its own estimate has no room for
    const left = await wished(bert, leave);
    const last = await eventually("the publisher stops", async () => {
      const newest = Math.max(...(await streams(wire, ssrcs)).map((s) => s.last));
      return Date.now() - newest > silent && newest;
    }, { every: 50, within: 10_000 });
    stopped.push(Math.max(0, Math.round(last - left)));
    await forAWhile(settled);
    const came = await wished(bert, come);
    const first = await eventually("the publisher begins again", async () => {
      const begun = (await streams(wire, ssrcs)).map((s) => s.began).filter((at) => at > last + silent);
      return begun.length > 0 && Math.min(...begun);
    }, { every: 20, within: 10_000 });
    restarted.push(Math.round(first - came));
    if (verbose) console.error(`round ${round}: stopped after ${stopped.at(-1)}, began after ${restarted.at(-1)} ms`);
  }
  return { stopped: summary(stopped), restarted: summary(restarted) };
}

/** Does something that changes what is wished, and returns when the wish left. */
async function wished(person, act) {
  const before = await person.page.evaluate(() => window.wished ?? 0);
  await act();
  return eventually("the wish is told", () => person.page.evaluate((b) => window.wished > b && window.wished, before), { every: 10 });
}

async function streams(wire, ssrcs) {
  const { ba } = await wire.carried();
  return ssrcs.map((ssrc) => ba.streams[ssrc]).filter(Boolean);
}

function summary(list) {
  const sorted = [...list].sort((a, b) => a - b);
  return { median: sorted[Math.floor(sorted.length / 2)], ninth: sorted[Math.ceil(sorted.length * 0.9) - 1], longest: sorted.at(-1), all: list };
}
