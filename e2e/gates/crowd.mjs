// The crowd gate: 25 participants on one page of the app, 24 of them from `switchyard publish`. It prints
// as JSON how many frames a second each tile presents at small sizes, what was decoded, and who used the
// processors, and ends with 1 where the median tile shows no more than 25 or a picture is missing.
//
// The built-in clips have 25 frames a second; so that more can be shown, the crowd plays one of them at 30.
//
//   node e2e/gates/crowd.mjs [--seconds 20] [--copies 24] [--fps 30] [--screenshot FILE]

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { Chromium } from "../harness/browsers.mjs";
import { Process, binary, root } from "../harness/process.mjs";
import { Server } from "../harness/server.mjs";
import { eventually, forAWhile } from "../harness/wait.mjs";

const { values } = parseArgs({
  options: { seconds: { type: "string", default: "20" }, copies: { type: "string", default: "24" }, fps: { type: "string", default: "30" }, screenshot: { type: "string" } },
});
const seconds = Number(values.seconds), copies = Number(values.copies);
const leastRate = 25; // frames a second
const ticks = 100; // of /proc/stat in a second

/** Processor seconds used so far: by the server, the crowd, the browser (all other children of ours), by
 * all processes, and what was left. */
function processors(server, crowd) {
  const times = readFileSync("/proc/stat", "utf8").split("\n")[0].split(/\s+/).slice(1).map(Number);
  const all = readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(processOf).filter(Boolean);
  const ours = new Set([process.pid]);
  for (let size = 0; size < ours.size; ) {
    size = ours.size;
    for (const p of all) if (ours.has(p.parent)) ours.add(p.pid);
  }
  const used = (list) => list.reduce((sum, p) => sum + p.used, 0) / ticks;
  const browser = all.filter((p) => ours.has(p.pid) && ![process.pid, server, crowd].includes(p.pid));
  return {
    server: used(all.filter((p) => p.pid === server)), crowd: used(all.filter((p) => p.pid === crowd)), browser: used(browser),
    busy: (times[0] + times[1] + times[2] + times[5] + times[6]) / ticks, idle: (times[3] + times[4]) / ticks, takenByHost: times[7] / ticks,
  };
}

function processOf(pid) {
  try {
    const [, rest] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ");
    const fields = rest.split(" ");
    return { pid: Number(pid), parent: Number(fields[1]), used: Number(fields[11]) + Number(fields[12]) };
  } catch {
    return undefined; // it has just ended
  }
}

/** Counts the frames that each tile's <video> presents from now on. */
function countFrames() {
  window.presented = new Map();
  for (const tile of document.querySelectorAll(".stage [data-participant][data-track]")) {
    const video = tile.querySelector("video");
    const { participant } = tile.dataset;
    const { width, height } = tile.getBoundingClientRect();
    const seen = { participant, width: Math.round(width), height: Math.round(height), first: undefined, last: undefined };
    window.presented.set(participant, seen);
    const next = () => video.requestVideoFrameCallback((at, { presentedFrames }) => {
      seen.first ??= { at, presentedFrames };
      seen.last = { at, presentedFrames };
      next();
    });
    next();
  }
}

function rates() {
  return [...window.presented.values()].map(({ first, last, ...tile }) => {
    const fps = first && last.at > first.at ? (1000 * (last.presentedFrames - first.presentedFrames)) / (last.at - first.at) : 0;
    return { ...tile, fps: Math.round(fps * 10) / 10 };
  });
}

/** Two seconds of a built-in clip at another frame rate: as long as its sound, for a clip whose picture is the
 * shorter one stands still until the sound has ended. The frames begin again where they do not suffice: the
 * first is a keyframe. (IVF: frames a second at byte 16, frames at 24, little-endian; a frame's header has its
 * size and its number.) */
function clipAt(fps, folder) {
  const clip = readFileSync(path.join(root, "client/clip/data/green.ivf"));
  const frames = [];
  for (let at = 32; at < clip.length; at += 12 + clip.readUInt32LE(at)) frames.push(clip.subarray(at, at + 12 + clip.readUInt32LE(at)));
  const head = Buffer.from(clip.subarray(0, 32));
  head.writeUInt32LE(fps, 16);
  head.writeUInt32LE(2 * fps, 24);
  const played = Array.from({ length: 2 * fps }, (_, i) => {
    const frame = Buffer.from(frames[i % frames.length]);
    frame.writeBigUInt64LE(BigInt(i), 4);
    return frame;
  });
  const file = path.join(folder, "green.ivf");
  writeFileSync(file, Buffer.concat([head, ...played]));
  return file;
}

const folder = mkdtempSync(path.join(tmpdir(), "switchyard-crowd-"));
const files = [clipAt(Number(values.fps), folder), path.join(root, "client/clip/data/green.ogg")];
const server = await Server.start({ log: "crowd-server" });
const crowd = new Process(binary, ["publish", "--data", server.data, "--room", "test", "--copies", String(copies), ...files], { log: "crowd" });
const chromium = await Chromium.start();
try {
  const person = await chromium.person("watcher");
  await person.page.setViewportSize({ width: 1280, height: 800 });
  const token = await server.token({ identity: "watcher", grants: "subscribe,data" });
  await person.page.goto(server.url);
  await person.page.evaluate((t) => sessionStorage.setItem("switchyard:test", JSON.stringify({ token: t, role: "viewer", joined: true, camera: false, microphone: false })), token);
  await person.page.goto(`${server.url}/r/test`);
  await person.connected();
  await eventually("every tile has its picture", async () => {
    const n = await person.page.evaluate(() => document.querySelectorAll(".stage .tile[data-visible=true]").length);
    if (n !== copies) throw new Error(`${n} of ${copies}`);
    return true;
  }, { within: 60_000 });
  await forAWhile(3_000); // the last to come has settled

  const [before, started] = [processors(server.process.pid, crowd.pid), Date.now()];
  const decoded = async () => (await person.stats()).inbound.filter((s) => s.kind === "video");
  const first = await decoded();
  await person.page.evaluate(countFrames);
  await forAWhile(seconds * 1000);
  const tiles = await person.page.evaluate(rates);
  const last = await decoded();
  const [after, took] = [processors(server.process.pid, crowd.pid), (Date.now() - started) / 1000];
  if (values.screenshot) await person.page.screenshot({ path: values.screenshot });
  report({ tiles, first, last, used: difference(before, after, took), took, faults: person.faults() });
} finally {
  await chromium.close();
  await crowd.stop({ signal: "SIGINT" }).catch(() => {});
  await server.close();
  rmSync(folder, { recursive: true, force: true });
}

/** Cores in use over the time. */
function difference(before, after, took) {
  return Object.fromEntries(Object.keys(before).map((k) => [k, Math.round((100 * (after[k] - before[k])) / took) / 100]));
}

/** What kept the page from showing more, as far as it can be told. */
function limit(used, elsewhere) {
  if (used.idle > 0.2) return "processors were idle, so it is neither decoding nor compositing: look at what arrived";
  if (elsewhere > 0.3) return `other programs used ${elsewhere} cores: run it on a quieter machine`;
  return `the browser used all that was there (${used.browser} cores)`;
}

function report({ tiles, first, last, used, took, faults }) {
  const elsewhere = Math.max(0, Math.round(100 * (used.busy - used.server - used.crowd - used.browser)) / 100);
  const others = tiles.filter((t) => t.participant !== "watcher");
  const fps = others.map((t) => t.fps).sort((a, b) => a - b);
  const grown = (key) => last.reduce((n, s) => n + s[key] - (first.find((f) => f.ssrc === s.ssrc)?.[key] ?? 0), 0);
  const summary = {
    tiles: others.length, tilePixels: others[0] && `${others[0].width}x${others[0].height}`, seconds: Math.round(took),
    presentedFps: { min: fps[0], p10: fps[Math.floor(fps.length / 10)], median: fps[Math.floor(fps.length / 2)], max: fps[fps.length - 1] },
    decodedFps: Math.round((10 * grown("framesDecoded")) / took / others.length) / 10,
    packetsLost: grown("packetsLost"), freezes: grown("freezeCount"), cores: { ...used, elsewhere }, pageErrors: faults,
  };
  console.log(JSON.stringify(summary, null, 2));
  const broken = [
    [others.length === copies, "not everyone has a tile on the page"],
    [summary.presentedFps.median > leastRate, `the median tile shows ${leastRate} frames a second or fewer; ${limit(used, elsewhere)}`],
    [faults.length === 0, "the page showed errors"],
  ].filter(([ok]) => !ok).map(([, what]) => what);
  for (const what of broken) console.error(`broken: ${what}`);
  process.exitCode = broken.length ? 1 : 0;
}
