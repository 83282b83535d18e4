// The ends of e2e/gates/transfer.mjs that are commands: what they cost, and how far they are.

import { statSync } from "node:fs";
import { Process, binary } from "../harness/process.mjs";
import { children, residentPeak } from "../harness/proc.mjs";
import { eventually } from "../harness/wait.mjs";

/** A command that says at its end what CPU time it took, its children too, and that is watched for its memory. */
export class Command extends Process {
  #most = 0; // bytes
  #own; // the id of the command itself, below the shell that keeps the time

  /** `namespace` runs it there. */
  constructor({ namespace }, command, args, log) {
    const all = ["-c", '"$@"; code=$?; times >&2; exit $code', "timed", command, ...args];
    const [c, a] = namespace ? namespace.wrap("bash", all) : ["bash", all];
    super(c, a, { log });
    const timer = setInterval(() => this.#look(), 100);
    this.exited.then(() => clearInterval(timer));
  }

  #look() {
    this.#own ??= children(this.pid)[0]?.pid;
    if (this.#own) this.#most = Math.max(this.#most, residentPeak(this.#own));
  }

  /** The memory (RSS) that the command took at most, in bytes. */
  get peak() {
    return this.#most;
  }

  /** Processor seconds, once it has ended. */
  get cpu() {
    const lines = this.text.stderr.trim().split("\n").slice(-2).join(" ");
    return [...lines.matchAll(/(\d+)m([\d.]+)s/g)].reduce((sum, [, m, s]) => sum + 60 * Number(m) + Number(s), 0);
  }

  /** Waits for its end, which must be a good one. */
  async ended() {
    const how = await this.exited;
    if (how.code !== 0) throw new Error(`${this.name}: ${this.tail(5)}`);
  }

  /** Ends the command and leaves the shell that tells its CPU time. */
  async cut() {
    for (const signal of ["SIGTERM", "SIGKILL"]) {
      if (!this.running) return;
      for (const { pid } of children(this.pid)) process.kill(pid, signal);
      await this.over();
    }
  }

  /** Waits for its end, whatever it is, for some seconds. */
  over() {
    return Promise.race([this.exited, new Promise((go) => setTimeout(go, 5000).unref())]);
  }
}

/** Waits for `done`, or until `within` ms have passed: then it is cut, and `soFar()` says how much has come. Both give { share, seconds }. */
export async function bounded(done, soFar, within) {
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, within, undefined)));
  done.catch(() => {}); // what is cut fails, too
  const how = await Promise.race([done, late]);
  clearTimeout(timer);
  return how ?? { ...(await soFar()), cut: true };
}

export function sizeOf(file) {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

/** Our CLI at the sending end: the process, and the link that it prints, as the server's address is known here. */
export async function send(world, server) {
  const out = world.command(world.sender, binary, ["send", "--json", "--server", server.url, world.file], "transfer-send");
  const link = await eventually("send prints a link", () => {
    if (!out.running) throw Object.assign(new Error(`send ended: ${out.tail(3)}`), { final: true });
    return out.text.stdout.match(/https?:\/\/[^\s"]+/)?.[0];
  }, { every: 20, within: 15_000 });
  return { out, link: link.replace(/^https?:\/\/[^/]+/, server.url) };
}

/** Our CLI at the receiving end, as far as it comes: the process, the bytes and seconds of data, and the way it took. */
export async function receive(world, link) {
  const into = world.command(world.receiver, binary, ["receive", "--yes", "--json", "--to", world.to, link], "transfer-receive");
  const told = progress(into);
  const all = into.ended().then(() => {
    if (sizeOf(world.there) !== world.bytes) throw new Error("the file is not there");
    return told();
  });
  return { into, ...(await bounded(all, () => told(), world.within)) };
}

/** Follows what a verb tells as lines of JSON: how much came between its yes to the offer and the last of it. */
function progress(p) {
  let first, last, way, share = 0, rest = "";
  p.child.stdout.on("data", (text) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop();
    for (const text of lines) {
      const told = JSON.parse(text);
      if (told.kind && "direct" in told) way = `${told.kind}${told.direct ? "" : ", relayed"}`;
      if (told.type === "offer") first = performance.now();
      if (!(told.verified > share)) continue;
      share = told.verified;
      last = performance.now();
    }
  });
  return () => ({ way, share, seconds: ((last ?? performance.now()) - first) / 1000 });
}
