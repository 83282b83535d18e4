// What the browser measured, told to the server every 5 s.
import type { Report } from "./protocol";

interface Totals {
  lost: number;
  received: number;
  freezes: number;
}

/** The numbers of a statistics entry: browsers leave out what they do not measure. */
type Entry = { type: string; [field: string]: unknown };

/** Meter makes reports out of statistics, remembering the totals of the last one. */
export class Meter {
  #last: Totals = { lost: 0, received: 0, freezes: 0 };

  report(stats: Iterable<Entry>): Report {
    const now: Totals = { lost: 0, received: 0, freezes: 0 };
    const report: Report = { cpu: "nominal" };
    let uplink = 0; // the share that the server missed of what we send
    let selected: unknown; // the pair that media takes: several may have been nominated
    const entries = [...stats];
    for (const entry of entries) if (entry.type === "transport") selected = entry["selectedCandidatePairId"];
    for (const entry of entries) {
      if (entry.type === "inbound-rtp") {
        now.lost += num(entry["packetsLost"]);
        now.received += num(entry["packetsReceived"]);
        now.freezes += num(entry["freezeCount"]);
      } else if (entry.type === "remote-inbound-rtp") {
        uplink = Math.max(uplink, num(entry["fractionLost"]));
      } else if (entry.type === "candidate-pair" && entry["nominated"] === true && (selected === undefined || entry["id"] === selected)) {
        report.uplink = Math.round(num(entry["availableOutgoingBitrate"])) || undefined;
        report.downlink = Math.round(num(entry["availableIncomingBitrate"])) || undefined;
        report.rtt = Math.round(num(entry["currentRoundTripTime"]) * 10_000) / 10 || undefined;
      } else if (entry.type === "outbound-rtp" && entry["qualityLimitationReason"] === "cpu") {
        report.cpu = "serious";
      }
    }
    this.#compare(report, now);
    if (uplink > (report.loss ?? 0)) report.loss = Math.round(uplink * 1000) / 1000;
    return report;
  }

  /** A new link counts from zero. */
  reset(): void {
    this.#last = { lost: 0, received: 0, freezes: 0 };
  }

  #compare(report: Report, now: Totals): void {
    const lost = Math.max(0, now.lost - this.#last.lost);
    const received = Math.max(0, now.received - this.#last.received);
    if (lost + received > 0) report.loss = Math.round((lost / (lost + received)) * 1000) / 1000;
    report.freezes = Math.max(0, now.freezes - this.#last.freezes) || undefined;
    this.#last = now;
  }
}

function num(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}
