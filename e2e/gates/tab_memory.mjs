// How much memory a tab needs that receives a large file: the page as people open it, in a Chromium with a profile on disk
// (windows without one keep their storage in memory). `switchyard send` sends bytes that cannot be compressed.
//
//   node e2e/gates/tab_memory.mjs [--gb 2] [--disk stream,folder,storage] [--limit 300]
//
// `folder` is File System Access: a chosen folder, by a folder of the browser's own file system in the place of the dialog, which
// nobody can click in a browser without a window. `stream` is the download by the service worker, `storage` the browser's own storage.
// It fails where the tab's process was ever larger than the limit (MB, RSS), or what came is not what was sent.
// 10 GB take 10 to 15 minutes and 20 GB of disk for each: node e2e/gates/tab_memory.mjs --gb 10 --disk stream

import { chromium } from "playwright-core";
import { parseArgs } from "node:util";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Process, binary } from "../harness/process.mjs";
import { Server } from "../harness/server.mjs";
import { linkOf, noise } from "../harness/transfer.mjs";
import { eventually } from "../harness/wait.mjs";

const { values } = parseArgs({
  options: { gb: { type: "string", default: "2" }, disk: { type: "string", default: "stream,folder,storage" }, limit: { type: "string", default: "300" } },
});
const bytes = Math.round(Number(values.gb) * 1e9);
const within = 60_000 + bytes / 2_000; // ms: at 2 MB/s

const rows = [];
for (const disk of values.disk.split(",")) {
  rows.push(await measure(disk));
  console.log(line(rows.at(-1)));
}
if (rows.some((r) => r.tab > Number(values.limit))) {
  console.error(`A tab took more than ${values.limit} MB.`);
  process.exit(1);
}

function line({ disk, tab, browser, rate }) {
  return `${disk.padEnd(8)} ${(bytes / 1e9).toFixed(1)} GB at ${rate.toFixed(1)} MB/s; at most ${tab} MB in the tab, ${browser} MB in the browser's own process`;
}

async function measure(disk) {
  const dir = mkdtempSync(path.join(tmpdir(), "switchyard-tab-"));
  const server = await Server.start({ log: "tab-memory-server" });
  let sending, context;
  try {
    const file = path.join(dir, "large.bin");
    noise(file, bytes);
    sending = new Process(binary, ["send", "--data", server.data, file], { log: "tab-memory-send", env: { XDG_STATE_HOME: dir } });
    const link = (await linkOf(sending)).replace(/^https?:\/\/[^/]+/, server.url);
    context = await open(path.join(dir, "profile"), path.join(dir, "downloads"));
    return { disk, ...(await receive(context, disk, link, file)) };
  } finally {
    await context?.close();
    await sending?.stop({ signal: "SIGKILL" });
    await server.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

function open(profile, downloadsPath) {
  return chromium.launchPersistentContext(profile, {
    executablePath: "/usr/bin/chromium",
    downloadsPath,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
      "--allow-loopback-in-peer-connection", "--disable-features=WebRtcHideLocalIpsWithMdns"],
  });
}

async function receive(context, disk, link, file) {
  const page = await context.newPage();
  if (disk === "folder") {
    await page.addInitScript(() => {
      window.showDirectoryPicker = async () => (await navigator.storage.getDirectory()).getDirectoryHandle("picked", { create: true });
    });
  }
  if (disk === "stream") await page.addInitScript(() => (navigator.storage.estimate = async () => ({ quota: 1000, usage: 0 })));
  await page.goto(link);
  await page.click("text=Receive >> visible=true");
  const yes = page.locator("button", { hasText: disk === "folder" ? "Choose where…" : "Accept" });
  await yes.waitFor({ timeout: within });
  const saving = disk === "folder" ? undefined : page.waitForEvent("download", { timeout: within });
  const most = watch(context);
  const begun = performance.now();
  await yes.click();
  const text = () => page.evaluate(() => document.body.innerText);
  await eventually("all of it is here", async () => {
    const now = await text();
    if (/it is all here/i.test(now)) return true;
    throw new Error(now.replace(/\s+/g, " "));
  }, { within, every: 500 });
  const rate = bytes / 1000 / (performance.now() - begun);
  if (saving) {
    const saved = await (await saving).path();
    execFileSync("cmp", [saved, file]);
  } else {
    const size = await page.evaluate(async () => {
      const dir = await (await navigator.storage.getDirectory()).getDirectoryHandle("picked");
      return (await (await dir.getFileHandle("large.bin")).getFile()).size;
    });
    if (size !== statSync(file).size) throw new Error(`${size} bytes are in the folder`);
  }
  return { rate, ...most() };
}

/** Follows the largest tab and the browser's own process until it is asked, in MB. */
function watch(context) {
  const most = { tab: 0, browser: 0 };
  const profile = processes().filter(({ command }) => command.includes("--user-data-dir=") && command.includes("switchyard-tab-"));
  const main = profile.find(({ command }) => !command.includes("--type="))?.pid;
  const timer = setInterval(() => {
    for (const { pid, parent, command } of processes()) {
      if (pid === main) most.browser = Math.max(most.browser, rss(pid));
      else if (command.includes("--type=renderer") && below(main, pid, parent)) most.tab = Math.max(most.tab, rss(pid));
    }
  }, 250);
  context.once("close", () => clearInterval(timer));
  return () => {
    clearInterval(timer);
    if (most.tab === 0) throw new Error("the tab's process was not found");
    return most;
  };
}

/** Whether a process belongs to a browser: its parent is, or that one's. */
function below(main, pid, parent) {
  for (let at = parent, hops = 0; at > 1 && hops < 5; hops++, at = parentOf(at)) if (at === main) return true;
  return pid === main;
}

function processes() {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).flatMap((pid) => {
    try {
      return [{ pid: Number(pid), parent: parentOf(pid), command: readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ") }];
    } catch {
      return []; // it has ended
    }
  });
}

function parentOf(pid) {
  try {
    return Number(readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /, "").split(" ")[1]);
  } catch {
    return 0;
  }
}

/** MB. */
function rss(pid) {
  try {
    return Math.round(Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1000);
  } catch {
    return 0;
  }
}
