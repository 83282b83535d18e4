// Ten in a room, and no more than 1 Mbit/s towards each who watches: everyone is heard, who speaks is seen at the best
// layer that fits, and who has no room is paused, which the tile says. Two are Chromiums, each behind a shaper of its
// own; eight come from `switchyard publish`, one of which speaks. (All ten as Go clients: e2e/calls.)

import { Chromium } from "../harness/browsers.mjs";
import { Wire } from "../harness/namespace.mjs";
import { Process, binary } from "../harness/process.mjs";
import { eventually, forAWhile } from "../harness/wait.mjs";

const down = { rate: 1e6, queue: 300, delay: 20 }, up = { delay: 20 };
const quiet = 7, people = 10;
const sizes = [{ height: 180, kbps: 120 }, { height: 360, kbps: 300 }];
const settle = 12_000, look = 25_000, every = 500; // ms
const mostConcealed = 0.02, longestSilence = 500; // ms without a packet of somebody's sound

export async function ten({ wire, film, server, here, screenshot, verbose }, name) {
  const ends = [];
  const keep = (end) => (ends.unshift(end), end);
  try {
    const files = await film.encoded(sizes);
    for (const args of [["--copies", String(quiet)], ["--speak", "--name", "speaker"]]) {
      const [command, words] = wire.server.wrap(binary, ["publish", "--data", server.data, "--room", name, "--layers", ...args, ...files]);
      const crowd = new Process(command, words, { log: "adapt-ten" });
      keep({ close: () => crowd.stop({ signal: "SIGINT" }) });
    }
    const second = keep(await Wire.shaped({ network: "10.79.0", beside: wire }));
    const there = keep(await Chromium.start({ namespace: second.client, origin: server.url }));
    const link = await server.invite({ room: name });
    const pages = [];
    for (const [person, path] of [[await here.person("anna"), wire], [await there.person("bert"), second]]) {
      await path.shape({ down, up });
      await person.page.setViewportSize({ width: 1280, height: 800 });
      await person.page.addInitScript(() => window.probe.film({ width: 640, height: 360, frameRate: 20 }));
      await person.join(link);
      await person.page.keyboard.press("m"); // its beeps are as good as speech
      pages.push({ person, path });
    }
    for (const { person } of pages) {
      await eventually(`${person.name} is with all ten, and knows who speaks`, async () => {
        const now = await state(person);
        return now.people === people && now.tiles.some((t) => t.name === "speaker" && t.visible) || Promise.reject(new Error(JSON.stringify(now)));
      }, { within: 60_000 });
    }
    const result = { grid: await during(pages, verbose, screenshot && `${screenshot}-ten-grid`) };
    for (const { person } of pages) { // from the grid to the speaker's view
      await person.page.keyboard.press("l");
      await person.page.keyboard.press("l");
    }
    result.speaker = await during(pages, verbose, screenshot && `${screenshot}-ten-speaker`);
    const faults = pages.flatMap(({ person }) => person.faults());
    const broken = Object.entries(result).flatMap(([view, seen]) => seen.flatMap((one) => misses(one).map((what) => `${view}, ${one.name}: ${what}`)));
    for (const { person } of pages) await person.page.close();
    return { ...result, broken: [...broken, ...faults] };
  } finally {
    for (const end of ends) await end.close();
  }
}

/** The tiles of others as they are now: shown, paused by the server, and what they say. */
function state(person) {
  return person.page.evaluate(() => {
    const { room } = window.switchyard;
    const names = new Map(room.participants.map((p) => [p.id, p.name]));
    const near = (tile) => {
      const { x, y, width, height } = tile.getBoundingClientRect();
      return x >= 0 && y >= 0 && x + width <= innerWidth && y + height <= innerHeight;
    };
    const tiles = [...document.querySelectorAll(".stage .tile[data-track]")].filter((t) => t.dataset.participant !== room.you).map((tile) => ({
      name: names.get(tile.dataset.participant), visible: tile.dataset.visible === "true", height: tile.querySelector("video").videoHeight,
      near: near(tile), paused: room.slot(tile.dataset.track)?.paused, words: tile.querySelector(".trouble")?.textContent ?? "",
    }));
    return { people: names.size, tiles };
  });
}

/** What both pages saw and heard for a while, after the paths have settled. */
async function during(pages, verbose, picture) {
  await forAWhile(settle);
  return Promise.all(pages.map(async ({ person, path }) => {
    const first = await sound(person), heard = new Map([...first].map(([track, s]) => [track, { ...s, since: Date.now(), silence: 0 }]));
    const heights = {}, queues = [];
    let looks = 0, missing = 0, outdone = 0, paused = 0, unsaid = 0, dark = 0, kinds = new Set();
    for (const until = Date.now() + look; Date.now() < until; looks++) {
      await forAWhile(every);
      const now = await state(person), speaker = now.tiles.find((t) => t.name === "speaker");
      if (!speaker?.visible || speaker.paused) missing++;
      heights[speaker?.height] = (heights[speaker?.height] ?? 0) + 1;
      const shown = now.tiles.filter((t) => t.visible);
      if (shown.some((t) => t.height > (speaker?.height ?? 0) && t.name !== "speaker")) outdone++;
      const resting = now.tiles.filter((t) => t.paused);
      dark += now.tiles.filter((t) => t.near && !t.visible && !t.paused).length;
      paused += resting.length;
      for (const t of resting) kinds.add(t.paused);
      unsaid += resting.filter((t) => t.paused === "bandwidth" && !t.words.includes("too slow")).length;
      for (const [track, s] of await sound(person)) silenceOf(heard, track, s);
      queues.push((await path.carried()).ab.queue);
      if (verbose) console.error(person.name, now.tiles.map((t) => `${t.name}:${t.paused ?? (t.visible ? t.height : "dark")}`).join(" "));
    }
    const last = await sound(person);
    if (picture) await person.page.screenshot({ path: `${picture}-${person.name}.png` });
    const concealed = [...last].map(([track, s]) => (s.concealed - (first.get(track)?.concealed ?? 0)) / Math.max(1, s.samples - (first.get(track)?.samples ?? 0)));
    return {
      name: person.name, looks, speaker: { missing, outdone, heights }, pausedPerLook: Math.round((10 * paused) / looks) / 10, reasons: [...kinds], unsaid, dark,
      sounds: last.size, concealed: Math.max(...concealed), longestSilence: Math.max(...[...heard.values()].map((h) => h.silence)),
      queueP95: Math.round(queues.sort((a, b) => a - b)[Math.floor(queues.length * 0.95)]),
    };
  }));
}

/** Somebody's sound that has brought nothing new since the last look is silent. */
function silenceOf(heard, track, { packets }) {
  const one = heard.get(track), now = Date.now();
  if (!one) return;
  if (packets > one.packets) [one.packets, one.since] = [packets, now];
  one.silence = Math.max(one.silence, now - one.since);
}

/** The sound of each of those who are not muted, by track. */
async function sound(person) {
  const { inbound } = await person.stats();
  const slots = await person.page.evaluate(() => {
    const { room } = window.switchyard;
    return room.participants.flatMap((p) => p.tracks).filter((t) => t.kind === "audio" && !t.muted).map((t) => [t.id, room.slot(t.id)?.mid]);
  });
  return new Map(slots.flatMap(([track, mid]) => {
    const s = inbound.find((s) => s.mid === mid && s.kind === "audio");
    return s ? [[track, { packets: s.packetsReceived, samples: s.totalSamplesReceived, concealed: s.concealedSamples - s.silentConcealedSamples }]] : [];
  }));
}

function misses(one) {
  return [
    [one.sounds === quiet + 1, `${one.sounds} sounds of ${quiet + 1} came`],
    [one.concealed < mostConcealed, `${(100 * one.concealed).toFixed(1)} % of somebody's sound was concealed; less than ${100 * mostConcealed}`],
    [one.longestSilence < longestSilence + every, `somebody was not heard for ${one.longestSilence} ms`],
    [one.speaker.missing === 0, `who speaks was not seen at ${one.speaker.missing} of ${one.looks} looks`],
    [one.speaker.outdone === 0, `somebody else was larger than who speaks at ${one.speaker.outdone} of ${one.looks} looks`],
    [one.pausedPerLook > 0, "nobody was paused: the path was no narrow one"],
    [one.reasons.every((r) => r === "bandwidth"), `somebody was paused for ${one.reasons}`],
    [one.dark <= 2 * people, `${one.dark} times a tile was dark without being paused`], // while pictures change over
    [one.unsaid === 0, `${one.unsaid} paused tiles did not say why`],
  ].filter(([ok]) => !ok).map(([, what]) => what);
}
