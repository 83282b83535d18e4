// People at the pages of file transfer.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { contents } from "./transfer.mjs";
import { eventually } from "./wait.mjs";

/** Bytes that look random and are always the same. */
export function noise(size, seed = 1) {
  return Buffer.from(contents(size, seed).buffer, 0, size);
}

export const sha = (bytes) => createHash("sha256").update(bytes).digest("hex");

/** A folder of the scenario's own, gone with it. */
export function folder(stage, files = {}) {
  const dir = mkdtempSync(path.join(tmpdir(), "switchyard-files-"));
  stage.keep({ close: async () => rmSync(dir, { recursive: true, force: true }) });
  for (const [name, bytes] of Object.entries(files)) {
    const at = path.join(dir, name);
    mkdirSync(path.dirname(at), { recursive: true });
    if (bytes !== null) writeFileSync(at, bytes);
    else mkdirSync(at, { recursive: true });
  }
  return dir;
}

/** Opens /send and chooses files: [{ name, buffer }] or paths. */
export async function choose(person, server, files, field = ".choose-files") {
  await person.page.goto(`${server.url}/send`);
  await person.reads(/drop files or folders/i);
  await person.page.setInputFiles(field, files.buffer ? { mimeType: "application/octet-stream", ...files } : files);
}

/** Drops files and folders of the disk onto the page, as a person drags them in from their file manager. */
export async function dropOn(person, paths) {
  const session = await person.page.context().newCDPSession(person.page);
  const data = { items: [], files: paths, dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"]) await session.send("Input.dispatchDragEvent", { type, x: 300, y: 300, data });
  await session.detach();
}

const unzip = `import sys, zipfile, json, hashlib
z = zipfile.ZipFile(sys.argv[1])
assert z.testzip() is None
print(json.dumps({i.filename: hashlib.sha256(z.read(i)).hexdigest() if not i.is_dir() else "folder" for i in z.infolist()}))`;

/** What another program finds in an archive: SHA-256 by name, and "folder". */
export function unzipped(file) {
  return JSON.parse(execFileSync("python3", ["-c", unzip, file], { encoding: "utf8", maxBuffer: 64 << 20 }));
}

/** Makes the link of what was chosen; returns it, at the address that the page has: browsers of scenarios know no certificate of ours. */
export async function makeLink(person) {
  await person.click("Create a link");
  const link = await eventually(`${person.name} has a link`, () => person.page.evaluate(() => document.querySelector("#transfer-link")?.value ?? ""));
  return link.replace(/^https?:\/\/[^/]+/, new URL(person.page.url()).origin);
}

/** Opens a link and takes it. */
export async function take(person, link) {
  await person.page.goto(link);
  await person.reads(/wants to send you something/i);
  await person.click("Receive");
}

/** Says yes to the offer, and returns the bytes that the browser saved and their name. */
export async function accept(person) {
  const begun = person.page.waitForEvent("download");
  await person.click("Accept");
  const download = await begun;
  return { name: download.suggestedFilename(), bytes: readFileSync(await download.path()) };
}

/** What the server knows of a link, as a preview bot would ask. */
export async function facts(server, link) {
  const [, id] = link.match(/\/t\/(\w+)/);
  return (await fetch(`${server.url}/v1/transfers/${id}`)).json();
}
