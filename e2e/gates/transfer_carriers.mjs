// What carries a file in e2e/gates/transfer.mjs. Each returns { share, seconds, cut, cpu, browser, peak, way }: the bytes
// that came in the seconds that count, the processor seconds of commands and of browsers, and the memory of our CLI.

import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { run } from "../harness/process.mjs";
import { Server } from "../harness/server.mjs";
import { eventually } from "../harness/wait.mjs";
import { bounded, receive, send, sizeOf } from "./transfer_ends.mjs";
import { Page } from "./transfer_pages.mjs";

export const carriers = {
  nc, scp, cli, "to-page": toPage, "from-page": fromPage, page: pageToPage, bare: barePages,
  "to-page-sctp": (world) => toPage(world, "DataChannels"), "from-page-sctp": (world) => fromPage(world, "DataChannels"),
};

/** What all of a few commands cost, which are ended where they were cut. */
async function costs(cut, ...commands) {
  for (const c of commands) await (cut ? c.cut() : c.ended());
  return { cut, cpu: commands.reduce((sum, c) => sum + c.cpu, 0) };
}

/** Follows how a file grows that a command writes. */
function grown(world, begun) {
  return () => ({ share: sizeOf(world.there), seconds: (performance.now() - begun) / 1000 });
}

async function nc(world) {
  const out = world.command(world.sender, "sh", ["-c", `exec nc -N -l ${world.host} 9100 < ${world.file}`], "transfer-nc-sender");
  await listening(world, out, 9100);
  const soFar = grown(world, performance.now());
  const into = world.command(world.receiver, "sh", ["-c", `exec nc -d ${world.host} 9100 > ${world.there}`], "transfer-nc-receiver");
  const got = await bounded(into.ended().then(soFar), soFar, world.within);
  return { ...got, ...(await costs(got.cut, into, out)) };
}

/** Waits for a port that a command listens at, without a connection to it. */
function listening(world, command, port) {
  const [c, a] = world.sender.namespace?.wrap("ss", ["-Htln", `sport = :${port}`]) ?? ["ss", ["-Htln", `sport = :${port}`]];
  return eventually(`something listens at port ${port}`, async () => {
    if (!command.running) throw Object.assign(new Error(command.tail(3)), { final: true });
    return (await run(c, a, { log: "ss" })).includes(`:${port}`);
  }, { every: 20, within: 10_000 });
}

/** By scp, from when it has logged in and made the file. */
async function scp(world) {
  if (!existsSync("/usr/sbin/sshd")) throw new Error("sshd is missing: apt-get install openssh-server");
  const key = path.join(world.folder, "key"), host = path.join(world.folder, "host");
  for (const k of [key, host]) await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", k], { log: "ssh-keygen" });
  mkdirSync("/run/sshd", { recursive: true });
  const config = path.join(world.folder, "sshd_config");
  writeFileSync(config, "Subsystem sftp internal-sftp\n");
  const serve = ["-d", "-f", config, "-p", "9122", "-h", host, "-o", `ListenAddress=${world.host}`, "-o", `AuthorizedKeysFile=${key}.pub`,
    "-o", "StrictModes=no", "-o", "UsePAM=no", "-o", "PidFile=none"];
  const sshd = world.command(world.sender, "/usr/sbin/sshd", serve, "transfer-sshd"); // by -d it ends with its one guest
  await listening(world, sshd, 9122);
  const how = ["-q", "-P", "9122", "-i", key, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"];
  const into = world.command(world.receiver, "scp", [...how, `${world.host}:${world.file}`, world.there], "transfer-scp");
  await eventually("scp has logged in", () => !into.running || existsSync(world.there), { every: 5 });
  const soFar = grown(world, performance.now());
  const got = await bounded(into.ended().then(soFar), soFar, world.within);
  if (got.cut) await into.cut();
  await sshd.over();
  return { ...got, cpu: into.cpu + sshd.cpu };
}

async function serve(world) {
  const { namespace } = world.sender;
  const server = await Server.start({ log: "transfer-server", host: world.host, namespace, args: ["--open"] });
  world.closing(() => server.close());
  return server;
}

async function open(world, server, { namespace }, name, lanes) {
  const page = await Page.open({ server, namespace, name, lanes });
  world.closing(() => page.close());
  return page;
}

async function cli(world) {
  const server = await serve(world);
  const { out, link } = await send(world, server);
  const { into, ...got } = await receive(world, link);
  return { ...got, ...(await costs(got.cut, into, out)), peak: Math.max(into.peak, out.peak) };
}

async function toPage(world, lanes) {
  const server = await serve(world);
  const page = await open(world, server, world.receiver, "anna", lanes);
  const { out, link } = await send(world, server);
  const got = await page.receive(link, world.within);
  const browser = page.cpu();
  return { ...got, browser, ...(await costs(got.cut, out)), peak: out.peak };
}

async function fromPage(world, lanes) {
  const server = await serve(world);
  const page = await open(world, server, world.sender, "anna", lanes);
  const { into, ...got } = await receive(world, (await page.send(world.bytes)).replace(/^https?:\/\/[^/]+/, server.url));
  if (!got.cut) await page.sent();
  const browser = page.cpu();
  return { ...got, browser, ...(await costs(got.cut, into)), peak: into.peak };
}

async function pageToPage(world) {
  const server = await serve(world);
  const out = await open(world, server, world.sender, "anna");
  const into = await open(world, server, world.receiver, "bert");
  const got = await into.receive(await out.send(world.bytes), world.within);
  if (!got.cut) await out.sent();
  return both(got, out, into);
}

/** The floor: two pages, of which one counts what the other sends. */
async function barePages(world) {
  const server = await serve(world);
  const out = await open(world, server, world.sender, "anna");
  const into = await open(world, server, world.receiver, "bert");
  return both(await out.pour(into, world.bytes, world.within), out, into);
}

function both(got, out, into) {
  const [sends, receives] = [out.cpu(), into.cpu()];
  return { ...got, sends, receives, browser: sends + receives };
}
