// Signals that only their two ends can read (docs/transfer.md, Sealed signals).
import type { LinkSignaller } from "./participantlink";
import type { ParticipantID, Signal } from "./protocol";

/** Sealer holds a key for each participant that it was agreed with. */
export interface Sealer {
  /** What stands in `sealed`, or undefined where there is no key: the link ends. */
  seal(to: ParticipantID, link: string, plaintext: string): Promise<string | undefined>;
  /** Undefined drops the signal. */
  open(from: ParticipantID, link: string, sealed: string): Promise<string | undefined>;
}

/** Seals what goes through a signaller, in the order in which it is said. */
export function sealedSignaller(signaller: LinkSignaller, sealer: Sealer): LinkSignaller {
  let sealing: Promise<unknown> = Promise.resolve();
  const inTurn = (signal: Signal): Promise<Signal> => {
    const turn = sealing.then(() => sealSignal(signal, sealer));
    sealing = turn.catch(() => {});
    return turn;
  };
  return {
    describe: (signal) => inTurn(signal).then((s) => signaller.describe(s)),
    trickle: (signal) => void inTurn(signal).then((s) => signaller.trickle(s)).catch(() => {}), // without a key nobody listens
  };
}

async function sealSignal({ link, to, ...rest }: Signal, sealer: Sealer): Promise<Signal> {
  const sealed = to && (await sealer.seal(to, link, JSON.stringify(rest)));
  if (!sealed) throw new Error("There is no key to seal a signal with.");
  return { link, to, sealed };
}

/** The signal that was sealed; undefined where it must be dropped. */
export async function openSignal({ link, from, sealed }: Signal, sealer: Sealer): Promise<Signal | undefined> {
  try {
    const plaintext = from && sealed ? await sealer.open(from, link, sealed) : undefined;
    const inside: unknown = plaintext === undefined ? undefined : JSON.parse(plaintext);
    if (typeof inside !== "object" || inside === null) return undefined;
    return { ...(inside as Signal), link, from, to: undefined, sealed: undefined };
  } catch {
    return undefined;
  }
}
