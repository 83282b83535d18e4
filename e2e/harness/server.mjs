// The real binary as a server on free ports, with a data folder of its own.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Process, binary, freePort, run } from "./process.mjs";
import { eventually, patience } from "./wait.mjs";

export class Server {
  /** Starts `switchyard serve` and waits until it is ready. `namespace` runs it in that namespace. */
  static async start({ log = "server", args = [], host = "127.0.0.1", mediaHost = host, namespace } = {}) {
    const s = new Server();
    s.log = log;
    s.host = host;
    s.mediaHost = mediaHost; // "0.0.0.0": candidates are the machine's addresses
    s.args = args;
    s.namespace = namespace;
    s.data = mkdtempSync(path.join(tmpdir(), "switchyard-e2e-"));
    s.http = await freePort();
    s.media = await freePort();
    await s.launch();
    return s;
  }

  get url() {
    return `http://${this.host}:${this.http}`;
  }

  async launch() {
    const args = [
      "serve",
      "--http", `${this.host}:${this.http}`,
      "--media", `${this.mediaHost}:${this.media}`,
      "--data", this.data,
      ...this.args,
    ];
    const [command, all] = this.namespace ? this.namespace.wrap(binary, args) : [binary, args];
    this.process = new Process(command, all, { log: this.log });
    await eventually("the server says it is ready", () => this.ready(), { every: 50 });
  }

  async ready() {
    if (!this.process.running) {
      throw Object.assign(new Error(`the server ended: ${JSON.stringify(this.process.how)}\n${this.process.tail()}`), {
        final: true,
      });
    }
    return await this.status("/readyz") === 200;
  }

  /** The status of a GET, also from within a namespace that we cannot reach. */
  async status(where) {
    if (!this.namespace) return (await fetch(this.url + where, { signal: AbortSignal.timeout(patience) })).status;
    const script = `fetch(${JSON.stringify(this.url + where)}).then(r=>console.log(r.status),()=>console.log(0))`;
    const [command, args] = this.namespace.wrap(process.execPath, ["-e", script]);
    return Number(await run(command, args, { log: "readyz" }));
  }

  /** One of our verbs at the side of the server: the same machine, the same data folder. */
  cli(verb, args, options = {}) {
    const all = [verb, "--data", this.data, ...args];
    const [command, words] = this.namespace ? this.namespace.wrap(binary, all) : [binary, all];
    return run(command, words, { log: verb, ...options });
  }

  /** A token as an operator makes one, while the server runs. */
  async token({ room = "test", identity, grants = "publish,subscribe,data", more = [] }) {
    return (await this.cli("token", ["--room", room, "--identity", identity, "--grants", grants, ...more])).trim();
  }

  /** An invitation link to a room, at `base` or this server's address. */
  async invite({ room = "test", base = this.url, more = [] } = {}) {
    const text = await this.cli("invite", ["--room", room, ...more]);
    const found = text.match(/\/i\/\S+/);
    assert.ok(found, `switchyard invite prints a link; it printed ${JSON.stringify(text)}`);
    return base + found[0];
  }

  /** Ends it as an operator does, by SIGTERM. */
  async stop() {
    const { code } = await this.process.stop();
    assert.equal(code, 0, `the server ended with ${code} after SIGTERM\n${this.process.tail()}`);
  }

  /** Ends it as a crash does. */
  async kill() {
    await this.process.stop({ signal: "SIGKILL" });
  }

  async close() {
    try {
      if (this.process?.running) await this.stop();
    } finally {
      rmSync(this.data, { recursive: true, force: true });
    }
  }

  /** What a panic or a data race leaves in the log is a failure, whatever the clients saw. */
  faults() {
    return (this.process.text.stderr.match(/^(panic:|fatal error:|WARNING: DATA RACE).*/gm) ?? []).map((l) => `server: ${l}`);
  }
}
