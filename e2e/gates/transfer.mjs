// How fast a file goes from one device to another, and what that costs, beside plain TCP (nc) and scp on the same
// wires in the same run. It prints a table and, with --json, each run as JSON.
//
//   node e2e/gates/transfer.mjs [loopback|1g|1g-loss|1g-20|1g-20-loss|1g-100|1g-100-loss|200m-20 ...]
//                               [--by nc,scp,cli,to-page,from-page,to-page-sctp,from-page-sctp,page,bare] [--size MB] [--repeats N] [--within S]
//                               [--tcp cubic] [--json]
//
// Two namespaces with a wire between them, a browser in its own; the server stands beside the sender. What is sent and
// what comes is kept in memory, so that no disk is measured. The rate is that of the data, from the receiver's yes to the last
// that it verified (of nc: of the whole run; of scp: once it has logged in). Pages and commands have WebTransport between them, `-sctp` DataChannels. CPU seconds per GB are of both ends
// together, without the server; where one is a page, `ours` are those of our CLI alone. Memory is our CLI's peak (the larger
// end's). A run that takes longer than --within (60 s) is cut, its rate is that of what came, and it is marked by `<`. Of several
// repeats the median is told, and the least and most of the rate. `bare` is the floor: two pages, of which one counts what
// the other sends. `dropped` are packets that a full queue of the wire lost, and full sockets of the sender and the receiver. TCP is
// cubic on all wires (but loopback's is the machine's own). Delay comes from e2e/shaper, which shares the cores with both ends, losses from nft, in the
// direction of the data. Needs root, nc, ss, sshd (Debian: netcat-openbsd iproute2 nftables openssh-server).

import { parseArgs } from "node:util";
import { carriers } from "./transfer_carriers.mjs";
import { line, table } from "./transfer_table.mjs";
import { lay, wires } from "./transfer_wires.mjs";
import { World } from "./transfer_world.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    by: { type: "string", default: "nc,scp,cli,to-page,from-page,page" },
    size: { type: "string" }, repeats: { type: "string", default: "1" }, within: { type: "string", default: "60" },
    tcp: { type: "string", default: "cubic" }, json: { type: "boolean" },
  },
});
const names = positionals.length > 0 ? positionals : Object.keys(wires);
const bys = values.by.split(",");
for (const name of names) if (!wires[name]) throw new Error(`there is no wire ${name}; there are ${Object.keys(wires).join(", ")}`);
for (const by of bys) if (!carriers[by]) throw new Error(`nothing carries by ${by}; there are ${Object.keys(carriers).join(", ")}`);

const runs = [];
let world, stopping = false;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, stop);
for (let n = 0; n < Number(values.repeats); n++) {
  for (const name of names) {
    for (const by of bys) {
      if (stopping) await new Promise(() => {}); // stop() ends the process
      runs.push(await measure(name, by));
      console.error(line(runs.at(-1)));
    }
  }
}
show();

function show() {
  console.log(values.json ? JSON.stringify(runs, null, 2) : table(runs));
}

/** Takes all down and tells what is known so far. */
async function stop() {
  stopping = true;
  await world?.close();
  show();
  process.exit(130);
}

/** One file over one wire of its own, so that no run finds what an earlier one left. */
async function measure(name, by) {
  const megabytes = Number(values.size ?? wires[name].size);
  world = new World(megabytes * 1e6, Number(values.within) * 1000);
  try {
    Object.assign(world, await lay(wires[name], values.tcp, (last) => world.closing(last)));
    const got = await carriers[by](world);
    if (!(got.share > 0)) throw new Error(`nothing came in ${values.within} s`);
    return { wire: name, by, megabytes, ...worth(got), dropped: await world.dropped?.() };
  } catch (e) {
    return { wire: name, by, megabytes, problem: e.message.split("\n")[0] };
  } finally {
    await world.close();
  }
}

/** Rates in MB/s, and CPU in seconds for each GB that came, of all (`cpu`) and of our CLI (`ours`). */
function worth({ share, seconds, cut, cpu = 0, browser, sends, receives, peak, way }) {
  const each = (s) => s === undefined ? undefined : s / (share / 1e9);
  return {
    rate: share / 1e6 / seconds, cut, cpu: each(cpu + (browser ?? 0)), ours: peak && browser ? each(cpu) : undefined,
    sends: each(sends), receives: each(receives), memory: peak && peak / 1e6, way,
  };
}
