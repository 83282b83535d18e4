// The links to other participants that this participant has, by peer and name.
import { ParticipantLink, type LinkSignaller } from "./participantlink";
import type { PeerFactory } from "./peer";
import type { ICEServer, ParticipantID, Signal } from "./protocol";
import { openSignal, sealedSignaller, type Sealer } from "./sealer";

const refusable = "offer"; // only an offer opens a link

export class ParticipantLinks {
  #links = new Map<string, ParticipantLink>();
  #iceServers = new Map<string, ICEServer[]>();
  #unsealing: Promise<void> = Promise.resolve();
  readonly signaller: LinkSignaller;

  constructor(
    readonly factory: PeerFactory,
    signaller: LinkSignaller,
    readonly you: () => ParticipantID,
    /** Someone opened a link to us; false refuses it. */
    readonly opened: (link: ParticipantLink) => boolean,
    /** With it everything is sealed, and what is not is dropped. */
    readonly sealer?: Sealer,
  ) {
    this.signaller = sealer ? sealedSignaller(signaller, sealer) : signaller;
  }

  /** Opens a link, or returns the one of that name that is there. */
  open(peer: ParticipantID, name: string): ParticipantLink {
    return this.#links.get(key(peer, name)) ?? this.#make(peer, name);
  }

  receive(signal: Signal): void {
    const { sealer } = this;
    if (!sealer) return signal.sealed === undefined ? this.#receive(signal) : undefined;
    // One after the other, as they came: opening takes its time.
    this.#unsealing = this.#unsealing.then(async () => {
      const opened = await openSignal(signal, sealer);
      if (opened) this.#receive(opened);
    });
  }

  #receive(signal: Signal): void {
    const { from, link: name } = signal;
    if (!from) return;
    let link = this.#links.get(key(from, name));
    if (!link) {
      if (signal.description?.type !== refusable) return;
      link = this.#make(from, name);
      if (!this.opened(link)) return link.close();
    }
    link.receive(signal).catch(() => link.close());
  }

  /** Sets the ICE servers of the links of that name, or with "" of all links that have none of their own. */
  setICEServers(name: string, iceServers: ICEServer[]): void {
    this.#iceServers.set(name, iceServers);
    for (const link of this.#links.values()) link.setICEServers(this.#serversOf(link.name));
  }

  restart(name: string): void {
    for (const link of this.#links.values()) if (link.name === name) link.restart();
  }

  /** The participant went, so its links end. */
  left(peer: ParticipantID): void {
    for (const link of [...this.#links.values()]) if (link.peer === peer) link.end();
  }

  close(): void {
    for (const link of [...this.#links.values()]) link.end();
  }

  /** For the report: whether each link is up. */
  states(): Record<string, string> {
    return Object.fromEntries([...this.#links.values()].map((l) => [l.name, l.state]));
  }

  #serversOf(name: string): ICEServer[] {
    return this.#iceServers.get(name) ?? this.#iceServers.get("") ?? [];
  }

  #make(peer: ParticipantID, name: string): ParticipantLink {
    const pc = this.factory({ iceServers: this.#serversOf(name) });
    // The greater id is polite: both ends know that without asking.
    const link = new ParticipantLink(name, peer, this.you() > peer, pc, this.signaller);
    this.#links.set(key(peer, name), link);
    link.on("closed", () => this.#links.delete(key(peer, name)));
    return link;
  }
}

function key(peer: ParticipantID, name: string): string {
  return `${name}\n${peer}`;
}
