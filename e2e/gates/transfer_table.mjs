// What e2e/gates/transfer.mjs tells: a line for a run while it goes on, a table of medians at the end.

const columns = [ // title, width, what of a row
  ["MB", 5, (r) => r.megabytes],
  ["MB/s", 8, (r) => (r.cut ? "<" : "") + digits(r.rate)],
  ["from", 7, (r) => r.least === undefined ? "" : digits(r.least)],
  ["to", 7, (r) => r.most === undefined ? "" : digits(r.most)],
  ["CPU s/GB", 9, (r) => digits(r.cpu)],
  ["ours", 7, (r) => r.ours === undefined ? "" : digits(r.ours)],
  ["memory", 7, (r) => r.memory === undefined ? "" : `${Math.round(r.memory)}`],
  ["dropped", 13, ({ dropped: d }) => d && d.queue + d.sender + d.receiver ? `${d.queue}/${d.sender}/${d.receiver}` : ""],
  ["way", 0, (r) => `  ${r.way ?? ""}${r.sends === undefined ? "" : ` (sends ${digits(r.sends)}, receives ${digits(r.receives)})`}`],
];

const name = ({ wire, by }) => `${wire.padEnd(12)} ${by.padEnd(9)}`;

export function line(row) {
  if (row.problem) return `${name(row)} ${row.problem}`;
  return name(row) + columns.map(([, width, of]) => String(of(row)).padStart(width)).join("");
}

export function table(runs) {
  const head = name({ wire: "wire", by: "by" }) + columns.map(([title, width]) => (width ? title : `  ${title}`).padStart(width)).join("");
  const cells = new Map(runs.map((r) => [name(r), []]));
  for (const r of runs) cells.get(name(r)).push(r);
  return [head, ...[...cells.values()].map((of) => line(median(of)))].join("\n");
}

/** One row of all runs of a cell: what went wrong is passed over where another went well. */
function median(runs) {
  const good = runs.filter((r) => !r.problem);
  if (good.length === 0) return runs.at(-1);
  const row = { ...good[0], cut: good.some((r) => r.cut) };
  for (const field of ["rate", "cpu", "ours", "sends", "receives"]) if (row[field] !== undefined) row[field] = middle(good.map((r) => r[field]));
  if (row.memory !== undefined) row.memory = Math.max(...good.map((r) => r.memory));
  const failed = runs.length - good.length;
  if (failed) row.way = `${row.way ?? ""}, ${failed} of ${runs.length} failed`;
  if (good.length > 1) Object.assign(row, { least: Math.min(...good.map((r) => r.rate)), most: Math.max(...good.map((r) => r.rate)) });
  return row;
}

function middle(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b), half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/** Three digits that count. */
function digits(n) {
  return n >= 100 ? n.toFixed(0) : n >= 10 ? n.toFixed(1) : n.toFixed(2);
}
