// How fast a file goes from one device to another, and what that costs, beside plain TCP (nc) and scp on the same
// wire in the same run. It prints a table and, with --json, JSON.
//
//   node e2e/gates/transfer.mjs [loopback|1g|1g-20|1g-100|1g-100-loss|200m-20 ...] [--by nc,scp,cli,to-page,from-page,page,bare]
//                               [--size MB] [--repeats N] [--json]
//
// Two namespaces with a wire between them; the server stands beside the sender. The rate is that of the data, from
// the first that the receiver verified to the last (for nc and scp: of the whole run). CPU seconds are of both ends
// together, without the server; where one is a page, those of ours and of the browser apart, since nobody makes a
// Chromium cheaper; bare is the floor: two pages, of which one counts what the other sends. Delay and loss come from
// e2e/shaper, which shares the cores with both ends.
// Needs root, nc and sshd (Debian: netcat-openbsd openssh-server).

import { parseArgs } from "node:util";
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import path from "node:path";
import { Wire } from "../harness/namespace.mjs";
import { Process, binary, run } from "../harness/process.mjs";
import { Server } from "../harness/server.mjs";
import { eventually } from "../harness/wait.mjs";
import { Page } from "./transfer_pages.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { by: { type: "string", default: "nc,scp,cli" }, size: { type: "string" }, repeats: { type: "string", default: "1" }, json: { type: "boolean" } },
});
const Gbit = 1e9, Mbit = 1e6;

/** The wires: rate in bit/s, round trip in ms, and how many MB are sent over them. */
const wires = {
  loopback: { size: 2000 },
  "1g": { rate: Gbit, size: 1000 },
  "1g-20": { rate: Gbit, rtt: 20, size: 600 },
  "1g-100": { rate: Gbit, rtt: 100, size: 600 },
  "1g-100-loss": { rate: Gbit, rtt: 100, loss: 0.01, size: 50 },
  "200m-20": { rate: 200 * Mbit, rtt: 20, size: 300 },
};

const names = positionals.length > 0 ? positionals : Object.keys(wires);
const carriers = { nc, scp, cli, "to-page": toPage, "from-page": fromPage, page: pageToPage, bare: barePages };
const rows = [];
for (const name of names) {
  if (!wires[name]) throw new Error(`there is no wire ${name}; there are ${Object.keys(wires).join(", ")}`);
  for (let n = 0; n < Number(values.repeats); n++) {
    for (const by of values.by.split(",")) {
      if (!carriers[by]) throw new Error(`nothing carries by ${by}; there are ${Object.keys(carriers).join(", ")}`);
      rows.push(await measure(name, by));
      console.error(line(rows.at(-1)));
    }
  }
}
if (values.json) console.log(JSON.stringify(rows, null, 2));
else console.log(["wire          by         MB    MB/s  CPU s/GB  browser  way", ...rows.map(line)].join("\n"));

function line({ wire, by, size, rate, cpu, browser, way, problem }) {
  if (problem) return `${wire.padEnd(13)} ${by.padEnd(9)} ${problem}`;
  return `${wire.padEnd(13)} ${by.padEnd(9)} ${String(size).padStart(4)} ${rate.toFixed(1).padStart(7)} ${cpu.toFixed(2).padStart(9)}${(browser?.toFixed(2) ?? "").padStart(9)}   ${way ?? ""}`;
}

/** One file over one wire of its own, so that no run finds what an earlier one left. */
async function measure(name, by) {
  const { rate, rtt, loss, size: usual } = wires[name];
  const size = Number(values.size ?? usual);
  const folder = mkdtempSync(path.join(tmpdir(), "switchyard-transfer-"));
  const world = { folder, file: path.join(folder, "file.bin"), to: path.join(folder, "to"), size };
  try {
    fill(world.file, size);
    mkdirSync(world.to);
    await lay(world, { rate, rtt, loss });
    return { wire: name, by, size, ...(await carriers[by](world)) };
  } catch (e) {
    return { wire: name, by, size, problem: e.message.split("\n")[0] };
  } finally {
    await world.close?.();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Bytes that cannot be compressed; one megabyte after the other differs by its number. */
function fill(file, megabytes) {
  const block = randomBytes(1e6);
  writeFileSync(file, "");
  for (let n = 0; n < megabytes; n++) {
    block.writeUInt32BE(n);
    writeFileSync(file, block, { flag: "a" });
  }
  truncateSync(file, megabytes * 1e6);
}

async function lay(world, { rate, rtt, loss }) {
  if (!rate) {
    Object.assign(world, { host: "127.0.0.1", sender: bare, receiver: bare });
    return;
  }
  const wire = rtt || loss ? await Wire.shaped({ network: "10.79.0" }) : await Wire.make({ network: "10.79.0" });
  Object.assign(world, { wire, host: "10.79.0.1", sender: (...c) => wire.server.wrap(...c), receiver: (...c) => wire.client.wrap(...c) });
  world.close = () => wire.close();
  if (rtt || loss) {
    await wire.shape({ down: { rate, delay: (rtt ?? 0) / 2, loss }, up: { rate, delay: (rtt ?? 0) / 2 } });
    return;
  }
  for (const [end, device] of [[wire.server, "wire0"], [wire.client, "wire1"]]) {
    await end.run("tc", "qdisc", "replace", "dev", device, "root", "tbf", "rate", `${rate}bit`, "burst", "512kb", "latency", "50ms");
  }
}

function bare(command, args) {
  return [command, args];
}

/** Starts a command that says at its end what CPU time it took, its children too. */
function timed(where, command, args, log) {
  const [c, a] = where("bash", ["-c", '"$@"; code=$?; times >&2; exit $code', "timed", command, ...args]);
  return new Process(c, a, { log });
}

/** CPU seconds of a process that timed() started and that ended. */
function cpu(p) {
  const lines = p.text.stderr.trim().split("\n").slice(-2).join(" ");
  return [...lines.matchAll(/(\d+)m([\d.]+)s/g)].reduce((sum, [, m, s]) => sum + 60 * Number(m) + Number(s), 0);
}

async function ended(p, what) {
  const how = await p.exited;
  if (how.code !== 0) throw new Error(`${what}: ${p.tail(5)}`);
}

function result(world, seconds, ...processes) {
  return { rate: world.size / seconds, cpu: processes.reduce((sum, p) => sum + cpu(p), 0) / (world.size / 1000) };
}

async function nc(world) {
  const there = path.join(world.to, "file.bin");
  const out = timed(world.sender, "sh", ["-c", `nc -N -l ${world.host} 9100 < ${world.file}`], "transfer-nc-sender");
  await new Promise((resolve) => setTimeout(resolve, 300));
  const begun = performance.now();
  const into = timed(world.receiver, "sh", ["-c", `nc -d ${world.host} 9100 > ${there}`], "transfer-nc-receiver");
  await ended(into, "nc receives");
  const seconds = (performance.now() - begun) / 1000;
  await ended(out, "nc sends");
  if (statSync(there).size !== statSync(world.file).size) throw new Error("nc lost some of the file");
  return result(world, seconds, out, into);
}

async function scp(world) {
  const key = path.join(world.folder, "key"), host = path.join(world.folder, "host");
  for (const k of [key, host]) await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", k], { log: "ssh-keygen" });
  mkdirSync("/run/sshd", { recursive: true });
  const config = path.join(world.folder, "sshd_config");
  writeFileSync(config, "Subsystem sftp internal-sftp\n");
  const serve = ["-d", "-f", config, "-p", "9122", "-h", host, "-o", `ListenAddress=${world.host}`, "-o", `AuthorizedKeysFile=${key}.pub`,
    "-o", "StrictModes=no", "-o", "UsePAM=no", "-o", "PidFile=none"];
  const sshd = timed(world.sender, "/usr/sbin/sshd", serve, "transfer-sshd");
  await eventually("sshd listens", () => sshd.text.stderr.includes("Server listening"), { every: 50, within: 10_000 });
  const begun = performance.now();
  const how = ["-q", "-P", "9122", "-i", key, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"];
  const into = timed(world.receiver, "scp", [...how, `${world.host}:${world.file}`, path.join(world.to, "file.bin")], "transfer-scp");
  await ended(into, "scp");
  const seconds = (performance.now() - begun) / 1000;
  await sshd.exited;
  return result(world, seconds, sshd, into);
}

async function serve(world) {
  const server = await Server.start({ log: "transfer-server", host: world.host, namespace: world.wire?.server, args: ["--open"] });
  const close = world.close;
  world.close = async () => {
    await server.close();
    await close?.();
  };
  return server;
}

/** Our CLI at the sending end: the process, and the link that it prints. */
async function send(world, server) {
  const out = timed(world.sender, binary, ["send", "--json", "--server", server.url, world.file], "transfer-send");
  const link = await eventually("send prints a link", () => {
    if (!out.running) throw Object.assign(new Error(`send ended: ${out.tail(3)}`), { final: true });
    return out.text.stdout.match(/https?:\/\/[^\s"]+/)?.[0];
  }, { every: 20, within: 15_000 });
  return { out, link: link.replace(/^https?:\/\/[^/]+/, server.url) };
}

/** Our CLI at the receiving end, to its end: the process, the seconds of data, and the way it took. */
async function receive(world, link) {
  const into = timed(world.receiver, binary, ["receive", "--yes", "--json", "--to", world.to, link], "transfer-receive");
  const clock = progress(into);
  await ended(into, "receive");
  if (!existsSync(path.join(world.to, "file.bin"))) throw new Error("the file is not there");
  return { into, ...clock() };
}

/** Follows the progress that a verb tells as lines of JSON. */
function progress(p) {
  let first, last, way, rest = "";
  p.child.stdout.on("data", (text) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop();
    for (const text of lines) {
      const told = JSON.parse(text);
      way = told.way ?? way;
      if (!(told.verified > 0)) continue;
      last = { at: performance.now(), verified: told.verified };
      first ??= last;
    }
  });
  return () => ({ way, share: last.verified - first.verified, seconds: (last.at - first.at) / 1000 });
}

async function cli(world) {
  const server = await serve(world);
  const { out, link } = await send(world, server);
  const { into, share, seconds, way } = await receive(world, link);
  await ended(out, "send");
  return { ...result(world, 1, out, into), rate: share / 1e6 / seconds, way };
}

async function toPage(world) {
  const server = await serve(world);
  const page = await Page.open({ server, namespace: world.wire?.client, name: "anna" });
  try {
    const { out, link } = await send(world, server);
    const got = await page.receive(link);
    await ended(out, "send");
    return told(world, got, cpu(out), page.cpu());
  } finally {
    await page.close();
  }
}

async function fromPage(world) {
  const server = await serve(world);
  const page = await Page.open({ server, namespace: world.wire?.server, name: "anna" });
  try {
    const { into, ...got } = await receive(world, (await page.send(world.size * 1e6)).replace(/^https?:\/\/[^/]+/, server.url));
    await page.sent();
    return told(world, got, cpu(into), page.cpu());
  } finally {
    await page.close();
  }
}

async function pageToPage(world) {
  const server = await serve(world);
  const out = await Page.open({ server, namespace: world.wire?.server, name: "anna" });
  const into = await Page.open({ server, namespace: world.wire?.client, name: "bert" });
  try {
    const link = await out.send(world.size * 1e6);
    const got = await into.receive(link);
    await out.sent();
    const each = [out.cpu(), into.cpu()].map((s) => (s / (world.size / 1000)).toFixed(1));
    return told(world, { ...got, way: `${got.way}, sends ${each[0]}, receives ${each[1]}` }, 0, out.cpu() + into.cpu());
  } finally {
    await into.close();
    await out.close();
  }
}

async function barePages(world) {
  const server = await serve(world);
  const out = await Page.open({ server, namespace: world.wire?.server, name: "anna" });
  const into = await Page.open({ server, namespace: world.wire?.client, name: "bert" });
  try {
    const got = await out.pour(into, world.size * 1e6);
    const each = [out.cpu(), into.cpu()].map((s) => (s / (world.size / 1000)).toFixed(1));
    return told(world, { ...got, way: `sends ${each[0]}, receives ${each[1]}` }, 0, out.cpu() + into.cpu());
  } finally {
    await into.close();
    await out.close();
  }
}

function told(world, { share, seconds, way }, ours, browser) {
  return { rate: share / 1e6 / seconds, cpu: ours / (world.size / 1000), browser: browser / (world.size / 1000), way };
}
