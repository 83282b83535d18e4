import { readFileSync, statSync, existsSync, writeFileSync } from "node:fs";
import { spawn } from "node:child_process";
import path from "node:path";
import { scenario } from "../harness/scenario.mjs";
import { bare, incoming, receive } from "../harness/transfer.mjs";
import { eventually } from "../harness/wait.mjs";
const big = "/tmp/cl/file.bin";
function cpuOf(pid) { try { const f = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" "); return (Number(f[11]) + Number(f[12])) / 100; } catch { return undefined; } }
scenario("speed to a page", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const anna = await chromium.person("anna");
  for (const bin of ["/tmp/cl/sw_new", "/tmp/cl/sw_old"]) {
  await bare(anna, server);
  let out = "";
  const sending = spawn(bin, ["send", "--data", server.data, big], { stdio: ["ignore", "pipe", "ignore"], env: { ...process.env, ZZ_PROF: bin + ".prof" } });
  sending.stdout.on("data", (b) => (out += b));
  const link = await eventually("link", () => { const f = /^https?:\S+\/t\/\S+$/m.exec(out)?.[0]; if (!f) throw new Error(out); return f; });
  const pid = sending.pid;
  const snmp = () => Number(readFileSync('/proc/net/snmp','utf8').split('\n').filter((l) => l.startsWith('Udp:'))[1].split(' ')[5]);
  const lost0 = snmp();
  const t0 = Date.now();
  await receive(anna, { link, name: "Anna", disk: { throwAway: true } });
  let cpu = 0, first;
  await eventually("all", async () => {
    const now = await incoming(anna); cpu = cpuOf(pid) ?? cpu;
    if (now.verified > 0 && first === undefined) first = [Date.now(), now.verified, cpu];
    if (now.state === "ended") throw Object.assign(new Error(JSON.stringify(now)), { final: true });
    if (now.state !== "complete") throw new Error(JSON.stringify(now));
    return true;
  }, { within: 100000 });
  const mb = statSync(big).size / 1e6, s = (Date.now() - t0) / 1000;
  console.log('RCVBUFERRORS', snmp() - lost0);
  console.log(`SPEED ${(mb / s).toFixed(1)} MB/s in ${s}s incl. setup; sender cpu ${cpu}s = ${(cpu / mb * 1000).toFixed(1)} s/GB; way ${(await incoming(anna)).way} ${bin}`);
  }
});
