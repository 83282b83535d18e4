// Processes of a scenario: started with their output kept, stopped by their own id.

import { spawn } from "node:child_process";
import { createWriteStream, mkdirSync } from "node:fs";
import { createServer } from "node:net";
import { createSocket } from "node:dgram";
import { fileURLToPath } from "node:url";
import path from "node:path";
import { patience } from "./wait.mjs";

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
export const binary = path.join(root, "bin", "switchyard");
export const out = path.join(root, "e2e", "out");
mkdirSync(out, { recursive: true });

/** A child process whose output goes to e2e/out/<log>.log and stays readable by tail(). */
export class Process {
  constructor(command, args, { log, env, cwd, stdin = "ignore" } = {}) {
    this.name = log ?? path.basename(command);
    this.text = { stdout: "", stderr: "" };
    this.child = spawn(command, args, { stdio: [stdin, "pipe", "pipe"], env: { ...process.env, ...env }, cwd });
    const file = createWriteStream(path.join(out, `${this.name}.log`), { flags: "a" });
    file.write(`$ ${command} ${args.join(" ")}\n`);
    for (const stream of ["stdout", "stderr"]) {
      this.child[stream].setEncoding("utf8");
      this.child[stream].on("data", (text) => {
        file.write(text);
        this.text[stream] = (this.text[stream] + text).slice(-200_000);
      });
    }
    this.exited = new Promise((resolve) => {
      this.child.once("error", (err) => resolve({ code: null, signal: null, err }));
      this.child.once("close", (code, signal) => {
        file.end();
        resolve({ code, signal });
      });
    });
    this.running = true;
    this.exited.then((how) => {
      this.running = false;
      this.how = how;
    });
  }

  get pid() {
    return this.child.pid;
  }

  /** The last lines of both outputs, for messages. */
  tail(lines = 15) {
    return (this.text.stdout + this.text.stderr).split("\n").slice(-lines).join("\n");
  }

  signal(name) {
    if (this.running) this.child.kill(name);
  }

  /** Asks it to end and returns how it did; fails where that takes longer than `within` ms. */
  async stop({ signal = "SIGTERM", within = patience } = {}) {
    this.signal(signal);
    const late = Symbol("late");
    let timer;
    const how = await Promise.race([
      this.exited,
      new Promise((resolve) => (timer = setTimeout(resolve, within, late))),
    ]);
    clearTimeout(timer);
    if (how !== late) return how;
    this.signal("SIGKILL");
    await this.exited;
    throw new Error(`${this.name} did not end within ${within} ms of ${signal}\n${this.tail()}`);
  }
}

/** Runs a command to its end and returns what it printed; fails where it fails. */
export async function run(command, args, { log, within = patience, env, cwd } = {}) {
  const p = new Process(command, args, { log: log ?? path.basename(command), env, cwd });
  const timer = setTimeout(() => p.signal("SIGKILL"), within);
  const how = await p.exited;
  clearTimeout(timer);
  if (how.code !== 0) {
    throw new Error(`${command} ${args.join(" ")}: ${how.err ?? how.signal ?? `exit ${how.code}`}\n${p.tail()}`);
  }
  return p.text.stdout;
}

function listen(server, port) {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve(server.address().port));
  });
}

/**
 * A port that is free for both TCP and UDP on loopback just now. It is none of those that the kernel gives to
 * whoever asks for any (from 32768 on), or it could be another's by the time that a server binds it.
 */
export async function freePort() {
  for (let i = 0; i < 50; i++) {
    const port = 10_000 + Math.floor(Math.random() * 22_000);
    const tcp = createServer();
    if (!await listen(tcp, port).then(() => true, () => false)) continue;
    const udp = createSocket("udp4");
    const free = await new Promise((resolve) => {
      udp.once("error", () => resolve(false));
      udp.bind(port, "127.0.0.1", () => resolve(true));
    });
    await new Promise((resolve) => tcp.close(resolve));
    if (free) await new Promise((resolve) => udp.close(resolve));
    if (free) return port;
  }
  throw new Error("no port is free for TCP and UDP");
}
