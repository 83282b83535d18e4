// What a watcher behind a shaped wire saw and heard over a time: pictures as they were presented, sound as it was
// played, the queue in the wire, and what the server believed of it.

import { forAWhile } from "../harness/wait.mjs";

const sampleEvery = 100; // ms
const freeze = 200; // ms: what a person may notice

/** Notes when each picture of somebody's camera is presented, and its size; and the server's last word about the link. */
export async function watch(person, participant) {
  await person.page.evaluate((who) => {
    const tile = document.querySelector(`[data-participant="${who}"][data-track] video`);
    window.pictures = [];
    const next = () => tile.requestVideoFrameCallback((at, { width, height }) => {
      window.pictures.push({ at: performance.timeOrigin + at, width, height });
      next();
    });
    next();
    const { room } = window.switchyard;
    room.on("link-stats", (s) => (window.linkStats = s));
    room.watchLink(true);
  }, participant);
}

/** Samples statistics and queue for a while; the pictures come with them. */
export async function observe(person, wire, ms) {
  const began = Date.now(), samples = [];
  await person.page.evaluate(() => (window.pictures.length = 0));
  let before = await inbound(person), carried = (await wire.carried()).ab;
  const first = { ...before, wire: carried };
  for (let at = 0; at < ms; at = Date.now() - began) {
    await forAWhile(sampleEvery - ((Date.now() - began) % sampleEvery));
    const now = await inbound(person);
    carried = (await wire.carried()).ab;
    const kbps = Math.round((8 * (now.bytes - before.bytes)) / Math.max(1, now.at - before.at));
    const { height, nacks, plis, link } = now;
    samples.push({ at: now.at, height, nacks, plis, link, kbps, queue: Math.round(carried.queue), wire: carried.bytes });
    before = now;
  }
  const pictures = await person.page.evaluate(() => window.pictures);
  return { began, ended: Date.now(), samples, pictures, first, last: { ...before, wire: carried } };
}

async function inbound(person) {
  const { inbound, link } = await person.page.evaluate(async () => ({ ...(await window.probe.stats()), link: window.linkStats }));
  const sum = (key, kind) => inbound.filter((s) => !kind || s.kind === kind).reduce((n, s) => n + (s[key] ?? 0), 0);
  return {
    at: Date.now(), bytes: sum("bytesReceived"), height: inbound.reduce((most, s) => Math.max(most, s.frameHeight ?? 0), 0),
    samples: sum("totalSamplesReceived", "audio"), concealed: sum("concealedSamples", "audio"), silent: sum("silentConcealedSamples", "audio"),
    nacks: sum("nackCount", "video"), plis: sum("pliCount", "video"), link,
  };
}

/** The figures of a time; top is the height of the largest layer. */
export function condense({ began, ended, samples, pictures, first, last }, top) {
  const times = [began, ...pictures.map((p) => p.at), ended];
  const gaps = times.slice(1).map((t, i) => t - times[i]);
  const queues = samples.map((s) => s.queue).sort((a, b) => a - b);
  const back = pictures.find((p) => p.height >= top);
  const heights = {};
  for (const p of pictures) heights[p.height] = (heights[p.height] ?? 0) + 1;
  const sound = last.samples - first.samples;
  const rate = (bytes, from, to) => Math.round((8 * bytes) / (to - from));
  const late = samples.find((s) => s.at > ended - 5000) ?? samples[0];
  return {
    fps: Math.round((10_000 * pictures.length) / (ended - began)) / 10, longestGap: Math.round(Math.max(...gaps)),
    freezesOver500: gaps.filter((g) => g > 500).length, freezes: freezes(times, samples), heights,
    switches: pictures.filter((p, i) => i > 0 && p.height !== pictures[i - 1].height).length, topAfter: back && Math.round(back.at - began),
    kbps: rate(last.bytes - first.bytes, began, ended), wireKbps: rate(last.wire.bytes - first.wire.bytes, began, ended),
    wireKbpsAtEnd: rate(last.wire.bytes - late.wire, late.at, last.at),
    lostInWire: last.wire.lost - first.wire.lost, overflowed: last.wire.overflow - first.wire.overflow,
    queueP50: queues[Math.floor(queues.length / 2)], queueP95: queues[Math.floor(queues.length * 0.95)],
    concealed: sound > 0 ? (last.concealed - first.concealed - (last.silent - first.silent)) / sound : 1,
  };
}

/** Each time that the picture stood for long, and what the receiver did meanwhile: asked for a keyframe, since a frame
 * could not be had; for packets again, which came late; or nothing, for it was the machine or the sender. */
function freezes(times, samples) {
  const found = { keyframe: [], repair: [], other: [] };
  for (let i = 1; i < times.length; i++) {
    const [from, to] = [times[i - 1], times[i]];
    if (to - from <= freeze) continue;
    const before = samples.findLast((s) => s.at <= from - sampleEvery) ?? samples[0], after = samples.find((s) => s.at >= to) ?? samples.at(-1);
    const cause = after.plis > before.plis ? "keyframe" : after.nacks > before.nacks ? "repair" : "other";
    found[cause].push(Math.round(to - from));
  }
  return found;
}

/** A line a sample: what arrived and, as the server last said, what it believes. */
export function tell(name, { began, samples }) {
  const k = (rate) => Math.round((rate ?? 0) / 1000);
  for (const { at, height, kbps, queue, link } of samples) {
    const slots = link?.slots.filter((s) => s.kind === "video").map((s) => `${s.height}:${k(s.rate)}${s.paused ?? ""}`).join(" ");
    console.error(name, at - began, `${height}p`, `${kbps} kbit/s`, `queue ${queue}`,
      `server: ${k(link?.estimate)} of ${k(link?.wanted)} sent ${k(link?.sent)} acked ${k(link?.acked)} ${link?.limit} queue ${Math.round(link?.queue ?? 0)} loss ${link?.loss} slots ${slots}`);
  }
}
