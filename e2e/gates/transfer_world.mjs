// What one run of e2e/gates/transfer.mjs has to itself: its files, and all that it started.

import { mkdirSync, mkdtempSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { noise } from "../harness/transfer.mjs";
import { Command } from "./transfer_ends.mjs";

/** What a run has made goes away again, last first. Its files are kept in memory where that has room for them. */
export class World {
  #closing = [];
  #closed;

  constructor(bytes, within) {
    Object.assign(this, { bytes, within });
    this.folder = mkdtempSync(path.join(roomy("/dev/shm", 3 * bytes) ? "/dev/shm" : tmpdir(), "switchyard-transfer-"));
    this.closing(() => rmSync(this.folder, { recursive: true, force: true }));
    const to = path.join(this.folder, "to");
    mkdirSync(to);
    Object.assign(this, { to, file: path.join(this.folder, "file.bin"), there: path.join(to, "file.bin") });
    noise(this.file, bytes);
  }

  closing(last) {
    this.#closing.push(last);
  }

  command(where, command, args, log) {
    const c = new Command(where, command, args, log);
    this.closing(() => c.cut());
    return c;
  }

  close() {
    return (this.#closed ??= this.#close());
  }

  async #close() {
    for (const last of this.#closing.reverse()) {
      try {
        await last();
      } catch (e) {
        console.error(`not taken down: ${e.message}`);
      }
    }
  }
}

function roomy(folder, bytes) {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize > bytes;
  } catch {
    return false;
  }
}
