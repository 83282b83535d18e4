// The wires of e2e/gates/transfer.mjs: two namespaces, and between them the kernel's tbf or, where there is a delay,
// e2e/shaper. Losses are nft's, of what comes in at the receiving end.

import { Wire } from "../harness/namespace.mjs";

const Gbit = 1e9, Mbit = 1e6;
const network = "10.79.0";

/** Rate in bit/s, round trip in ms, the share of packets that is lost, and how many MB are sent over them as a rule. */
export const wires = {
  loopback: { size: 2000 },
  "1g": { rate: Gbit, size: 1000 },
  "1g-loss": { rate: Gbit, loss: 0.01, size: 300 },
  "1g-20": { rate: Gbit, rtt: 20, size: 600 },
  "1g-20-loss": { rate: Gbit, rtt: 20, loss: 0.01, size: 100 },
  "1g-100": { rate: Gbit, rtt: 100, size: 600 },
  "1g-100-loss": { rate: Gbit, rtt: 100, loss: 0.01, size: 50 },
  "200m-20": { rate: 200 * Mbit, rtt: 20, size: 300 },
};

/** The two ends: where commands run, where pages run, and the address of the sending one, beside which the server stands. */
export async function lay({ rate, rtt, loss }, tcp, closing) {
  if (!rate) return { host: "127.0.0.1", sender: {}, receiver: {} };
  const wire = rtt ? await Wire.shaped({ network, offloads: !loss }) : await Wire.make({ network });
  closing(() => wire.close());
  await wire.congestion(tcp);
  if (rtt) await wire.shape({ down: { rate, delay: rtt / 2 }, up: { rate, delay: rtt / 2 } });
  else await brake(wire, rate);
  // Without offloads a lost packet is one of the wire's, and not forty that travelled as one.
  if (loss && !rtt) await wire.plain();
  if (loss) await wire.lose(loss);
  return { host: `${network}.1`, sender: { namespace: wire.server }, receiver: { namespace: wire.client }, dropped: () => dropped(wire) };
}

/** Packets that neither the wire's losses nor its far end explain: a queue was full, or a socket's buffer at one of the ends. */
async function dropped(wire) {
  const [sender, receiver] = await wire.unread();
  const { ab, ba } = wire.shaper ? await wire.carried() : { ab: { overflow: 0 }, ba: { overflow: 0 } };
  return { queue: ab.overflow + ba.overflow, sender, receiver };
}

async function brake(wire, rate) {
  for (const [end, device] of [[wire.server, "wire0"], [wire.client, "wire1"]]) {
    await end.run("tc", "qdisc", "replace", "dev", device, "root", "tbf", "rate", `${rate}bit`, "burst", "512kb", "latency", "50ms");
  }
}
