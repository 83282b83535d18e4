// Two ends of a transfer in bare pages, by the SDK alone: what the app's pages do with it is tested elsewhere.

import { closeSync, openSync, writeSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { eventually } from "./wait.mjs";

/** Bytes of a file of that size, the same everywhere: made by a little generator, so that no byte repeats at a distance of a piece. */
export function contents(size, seed = 1) {
  const words = new Uint32Array(Math.ceil(size / 4));
  let x = (Math.imul(seed, 2654435761) + 1) >>> 0;
  for (let i = 0; i < words.length; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    words[i] = x >>> 0;
  }
  return new Uint8Array(words.buffer, 0, size);
}

/** Makes a file that cannot be compressed; one megabyte after the other differs by its number. */
export function noise(file, bytes) {
  const block = randomBytes(1e6);
  const to = openSync(file, "w");
  for (let at = 0; at < bytes; at += block.length) {
    block.writeUInt32BE(at / block.length);
    writeSync(to, block, 0, Math.min(block.length, bytes - at));
  }
  closeSync(to);
}

/** Opens a page of the server in which the SDK's transfers are at hand. */
export async function bare(person, server) {
  await person.page.goto(`${server.url}/`);
  await person.page.evaluate(async (make) => {
    window.files = await import("/transfer.js");
    window.contents = new Function(`return (${make})`)();
  }, contents.toString()).catch(async () => {
    // The page's policy forbids Function: what is evaluated from here is not asked.
    await person.page.evaluate(`window.contents = ${contents.toString()}`);
  });
  await person.page.evaluate(() => {
    window.digest = async (bytes) => {
      const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
      return [...hash].map((b) => b.toString(16).padStart(2, "0")).join("");
    };
    /** A disk in memory. With `throwAway` it keeps only how much there was. */
    window.memoryDisk = ({ throwAway = false, ordered = false } = {}) => {
      const files = (window.got = {});
      return {
        ordered, fresh: true, folders: [],
        async prepare() {},
        async folder(entry) { this.folders.push(entry.p); },
        async file(entry) {
          const bytes = throwAway ? new Uint8Array(0) : new Uint8Array(entry.s ?? 0);
          let written = 0;
          return {
            kept: 0,
            async read() { return new Uint8Array(0); },
            async write(offset, part) { if (!throwAway) bytes.set(part, offset); written += part.length; },
            async finish() { files[entry.p] = { bytes, written }; },
            async close() {},
          };
        },
        async finish() { window.finished = true; },
        async close() {},
      };
    };
  });
}

/** Begins to send; resolves with the link and the code. `items` are [path, size, seed]. */
export function send(person, { items, text, options = {} }) {
  return person.page.evaluate(async ({ items, text, options }) => {
    const made = items?.map(([path, size, seed]) => ({ path, file: new File([contents(size, seed)], path) }));
    const t = (window.outgoing = files.sendFiles({ what: text === undefined ? { items: made } : { text }, ...options }));
    await t.start();
    return { link: t.link, code: t.code };
  }, { items, text, options });
}

/** Takes a link or a code, and whatever is offered; `ended` says how it went. */
export function receive(person, { link, code, passphrase, disk = {}, name = "somebody" }) {
  return person.page.evaluate(({ link, code, passphrase, disk, name }) => {
    const from = code ? { code } : { id: link.replace(/.*\/t\//, "").replace(/#.*/, ""), key: link.replace(/.*#/, "") };
    const t = (window.incoming = files.receiveFiles({ from, name }));
    window.states = [];
    t.on("seat", (seat) => (window.seat = seat));
    t.on("change", () => {
      if (window.states.at(-1) !== t.state) window.states.push(t.state);
      if (t.state === "offered") void t.accept(memoryDisk(disk));
    });
    void t.start(passphrase);
  }, { link, code, passphrase, disk, name });
}

export function incoming(person) {
  return person.page.evaluate(() => {
    const { state, verified, total, rate, way, text, error } = window.incoming;
    return { state, verified, total, rate, way, text, error: error && { code: error.code, message: error.message } };
  });
}

export function outgoing(person) {
  return person.page.evaluate(() => {
    const { state, code, closed, receivers, error } = window.outgoing;
    return { state, code, closed, receivers, error: error && { code: error.code, message: error.message } };
  });
}

/** SHA-256 of what was received, by path. */
export function hashes(person) {
  return person.page.evaluate(async () => {
    const out = {};
    for (const [path, { bytes }] of Object.entries(window.got)) out[path] = await digest(bytes);
    return out;
  });
}

/** Waits until a page has everything; `within` ms where that takes long. */
export async function complete(person, within) {
  await eventually("the page has everything", async () => {
    const now = await incoming(person);
    if (now.state === "ended") throw Object.assign(new Error(JSON.stringify(now)), { final: true });
    if (now.state !== "complete") throw new Error(JSON.stringify(now));
    return true;
  }, { within });
}

/** The link that `switchyard send` prints. */
export async function linkOf(process) {
  return eventually("the link is printed", () => {
    if (!process.running) throw Object.assign(new Error(process.tail()), { final: true });
    const found = /^https?:\S+\/t\/\S+$/m.exec(process.text.stdout)?.[0];
    if (!found) throw new Error(process.tail());
    return found;
  });
}
