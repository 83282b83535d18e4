// Two network namespaces with a wire between them, the second of them behind a firewall. They live
// as long as the two processes that hold them, so nothing is left behind. Needs root, or a kernel
// that lets users make user namespaces.

import { Process, root, run } from "./process.mjs";
import { eventually } from "./wait.mjs";
import { mkdtempSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

const isRoot = process.getuid() === 0;

class Namespace {
  constructor(holder) {
    this.holder = holder;
  }

  /** The command line that runs a command in here; open file descriptors go with it. */
  wrap(command, args) {
    const user = isRoot ? [] : ["--user", "--preserve-credentials"];
    return ["nsenter", ["--target", String(this.holder.pid), ...user, "--net", "--", command, ...args]];
  }

  run(command, ...args) {
    return run(...this.wrap(command, args), { log: "namespace" });
  }
}

async function hold(command, args, log) {
  const holder = new Process(command, args, { log });
  const own = readlinkSync("/proc/self/ns/net");
  await eventually("a network namespace of its own", () => {
    if (!holder.running) throw Object.assign(new Error(holder.tail()), { final: true });
    return readlinkSync(`/proc/${holder.pid}/ns/net`) !== own;
  }, { every: 20 });
  return new Namespace(holder);
}

/** The two ends: `server` has 10.77.0.1, `client` 10.77.0.2, or the same in another `network`. */
export class Wire {
  static #program;

  static async make({ network = "10.77.0" } = {}) {
    const w = new Wire();
    const user = isRoot ? [] : ["--user", "--map-root-user"];
    w.server = await hold("unshare", [...user, "--net", "sleep", "600"], "namespace-server");
    // The second belongs to the same user namespace, so that a wire may lead from one to the other.
    const [command, args] = isRoot
      ? ["unshare", ["--net", "sleep", "600"]]
      : ["nsenter", ["--target", String(w.server.holder.pid), "--user", "--preserve-credentials", "unshare", "--net", "sleep", "600"]];
    w.client = await hold(command, args, "namespace-client");
    await w.server.run("ip", "link", "add", "wire0", "type", "veth", "peer", "name", "wire1", "netns", String(w.client.holder.pid));
    await w.up(w.server, "wire0", `${network}.1`, `${network}.2`);
    await w.up(w.client, "wire1", `${network}.2`, `${network}.1`);
    return w;
  }

  /**
   * The same with a shaper between the ends (e2e/shaper): shape() says how bad the wire is. One more wire
   * to the server of another one has a `network` of its own; the server keeps the address that it has. With `offloads` the
   * ends leave cutting into frames to their devices, as on real ones; else each frame is delayed and lost by itself.
   */
  static async shaped({ network = "10.78.0", beside, offloads = false } = {}) {
    const w = new Wire();
    w.guest = Boolean(beside);
    w.server = beside?.server ?? await hold("unshare", ["--net", "sleep", "3600"], "namespace-server");
    w.client = await hold("unshare", ["--net", "sleep", "3600"], "namespace-client");
    w.middle = await hold("unshare", ["--net", "sleep", "3600"], "namespace-middle");
    const program = await Wire.#build();
    const device = `wire${network.replaceAll(".", "")}`;
    for (const [end, way, own, other] of [[w.server, "to-a", 1, 2], [w.client, "to-b", 2, 1]]) {
      await w.middle.run("ip", "link", "add", way, "type", "veth", "peer", "name", device, "netns", String(end.holder.pid));
      await w.middle.run("ip", "link", "set", way, "up");
      await w.up(end, device, `${network}.${own}`, w.guest && own === 1 ? undefined : `${network}.${other}`);
      if (!offloads) await end.run(program, "--plain", device);
    }
    const [command, args] = w.middle.wrap(program, ["--a", "to-a", "--b", "to-b"]);
    w.shaper = new Process(command, args, { log: "shaper", stdin: "pipe" });
    return w;
  }

  /** Builds the shaper, once for a process. */
  static async #build() {
    if (Wire.#program) return Wire.#program;
    const folder = mkdtempSync(path.join(tmpdir(), "switchyard-shaper-"));
    process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
    const program = path.join(folder, "shaper");
    await run("go", ["build", "-trimpath", "-o", program, "./e2e/shaper"], { log: "shaper-build", cwd: root });
    return (Wire.#program = program);
  }

  /** Sets both directions of a shaped wire: rate in bit/s, queue and delay in ms, loss from 0 to 1. */
  async shape({ down = {}, up = {} } = {}) {
    return this.#ask(JSON.stringify({ ab: down, ba: up }));
  }

  /** What a shaped wire carried so far, from the server (`ab`) and to it: frames, and the queue in ms. */
  carried() {
    return this.#ask("");
  }

  /** Each line is answered by one, in order. */
  async #ask(line) {
    const turn = (this.asked ?? Promise.resolve()).then(async () => {
      this.shaper.text.stdout = "";
      this.shaper.child.stdin.write(`${line}\n`);
      return eventually("the shaper answers", () => {
        const text = this.shaper.text.stdout;
        if (!this.shaper.running) throw Object.assign(new Error(this.shaper.tail()), { final: true });
        return text.endsWith("\n") ? JSON.parse(text) : undefined;
      }, { every: 2 });
    });
    this.asked = turn.catch(() => {});
    return turn;
  }

  async up(namespace, device, address, gateway) {
    // An IPv6 address that comes a second later is a changed network to Chromium: it drops what it was loading.
    await namespace.run("sh", "-c", "for n in all default; do echo 1 > /proc/sys/net/ipv6/conf/$n/disable_ipv6; done 2> /dev/null || true");
    await namespace.run("ip", "link", "set", "lo", "up");
    await namespace.run("ip", "addr", "add", `${address}/24`, "dev", device);
    await namespace.run("ip", "link", "set", device, "up");
    if (gateway) await namespace.run("ip", "route", "add", "default", "via", gateway);
  }

  /** Drops all UDP at the client's side, both ways, and counts it. */
  async blockUDP() {
    const nft = (...words) => this.client.run("nft", ...words);
    await nft("add", "table", "inet", "firewall");
    for (const hook of ["input", "output"]) {
      await nft("add", "chain", "inet", "firewall", hook, `{ type filter hook ${hook} priority 0 ; }`);
      await nft("add", "rule", "inet", "firewall", hook, "oifname != \"lo\" iifname != \"lo\" meta l4proto udp counter drop".replace(hook === "input" ? 'oifname != "lo" ' : 'iifname != "lo" ', ""));
    }
  }

  /** Lets no more than rate bit/s through to the client, with a queue of 200 ms; without a rate, all again. */
  async narrow(rate) {
    const how = rate ? ["replace", "dev", "wire0", "root", "tbf", "rate", `${rate}bit`, "burst", "5kb", "latency", "200ms"] : ["del", "dev", "wire0", "root"];
    await this.server.run("tc", "qdisc", ...how);
  }

  /** Loses a share of the packets that come in at the client, each by chance. */
  async lose(share) {
    const nft = (...words) => this.client.run("nft", ...words);
    await nft("add", "table", "inet", "loss");
    await nft("add", "chain", "inet", "loss", "input", "{ type filter hook input priority 0 ; }");
    await nft("add", "rule", "inet", "loss", "input", 'iifname != "lo"', "numgen", "random", "mod", "10000", "<", String(Math.round(share * 10_000)), "counter", "drop");
  }

  /** How TCP looks for its rate at both ends: `cubic`, or what else the kernel has. */
  async congestion(control) {
    const setting = "/proc/sys/net/ipv4/tcp_congestion_control";
    for (const end of [this.server, this.client]) {
      await end.run("sh", "-c", `echo ${control} > ${setting}`).catch((e) => {
        throw new Error(`namespaces may not have TCP ${control} here: sysctl -w net.ipv4.tcp_allowed_congestion_control='reno cubic bbr' lets them`, { cause: e });
      });
    }
  }

  /** How many UDP packets found no room in the buffer of their socket, at the server and at the client. */
  async unread() {
    const texts = await Promise.all([this.server, this.client].map((end) => end.run("cat", "/proc/net/snmp")));
    return texts.map((text) => {
      const [names, numbers] = text.match(/^Udp: .*$/gm).map((line) => line.split(" "));
      return Number(numbers[names.indexOf("RcvbufErrors")]);
    });
  }

  /** Makes the ends of an unshaped wire send frames as they are on a wire, none larger than its MTU. */
  async plain() {
    const program = await Wire.#build();
    for (const [end, device] of [[this.server, "wire0"], [this.client, "wire1"]]) await end.run(program, "--plain", device);
  }

  /** How many UDP packets the firewall has dropped. */
  async blocked() {
    const text = await this.client.run("nft", "list", "table", "inet", "firewall");
    return [...text.matchAll(/counter packets (\d+)/g)].reduce((sum, m) => sum + Number(m[1]), 0);
  }

  async close() {
    await this.shaper?.stop({ signal: "SIGKILL" });
    for (const n of [this.middle, this.client, this.guest ? undefined : this.server]) if (n) await n.holder.stop({ signal: "SIGKILL" });
  }
}
