// What /proc says of processes. One that has ended meanwhile has used nothing and is nobody's child.

import { readdirSync, readFileSync } from "node:fs";

/** The kernel's clock ticks a second, in which it counts processor time. */
export const ticks = 100;

function look(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /s, "").split(" "); // a name may have spaces
    return { pid: Number(pid), parent: Number(fields[1]), used: (Number(fields[11]) + Number(fields[12])) / ticks };
  } catch {
    return undefined;
  }
}

/** All processes: { pid, parent, used }, with the processor seconds that each used. */
export function processes() {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(look).filter(Boolean);
}

/** A process and all below it, out of a list of processes. */
export function family(pid, all = processes()) {
  const ids = new Set([pid]);
  for (let size = 0; size < ids.size; ) {
    size = ids.size;
    for (const p of all) if (ids.has(p.parent)) ids.add(p.pid);
  }
  return all.filter((p) => ids.has(p.pid));
}

/** The processes that one has started itself. */
export function children(pid) {
  return processes().filter((p) => p.parent === pid);
}

/** Processor seconds of a list of processes. */
export function used(list) {
  return list.reduce((sum, p) => sum + p.used, 0);
}

/** The command line of a process. */
export function command(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return "";
  }
}

function memory(pid, field) {
  try {
    return 1024 * Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** Bytes of memory that a process takes now (RSS). */
export const resident = (pid) => memory(pid, "VmRSS");

/** Bytes of memory that it has taken at most, so far. */
export const residentPeak = (pid) => memory(pid, "VmHWM");
