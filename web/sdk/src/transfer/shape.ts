// What a page sees of a transfer, at both ends. docs/transfer.md says what goes over the wire.
import type { Emitter } from "../emitter";
import type { Disk, Entry } from "./disk";

/** One thing to send: a file with the path that it has at the other end, or a folder (empty ones, too). */
export type SendItem = { path: string; file: File | Blob; modified?: number } | { path: string; folder: true; modified?: number };

export interface SendOptions {
  /** Files and folders, or a text message. */
  what: { items: SendItem[] } | { text: string };
  /** The server's address; this page's where it is left out. */
  server?: string;
  /** What the others read as the sender's name. */
  name?: string;
  /** How many may receive it; 1 where it is left out. */
  receivers?: number;
  /** How long the link waits, in s; 600 where it is left out. */
  expiresIn?: number;
  passphrase?: string;
  /** A token with the data or admin grant, where the server is not open. */
  token?: string;
}

/** How a connection goes: straight, by the server's TURN, or by its relay. */
export type WayKind = "direct" | "turn" | "relay";

/** Why a transfer ended. `code` is the server's reason (`expired`, `revoked`, `used-up`, `not-found`, `limit`, `unauthorized`, `unreachable`) or ours:
 * `wrong-secret` (passphrase or code), `bad-code` (no code at all), `insecure` (the browser does not encrypt here), `cancelled` (the other end
 * gave up), `bad-offer` (names that are refused), `bad-file` (not what was promised), `changed` (the sender's file is no longer what it was),
 * `disk-full`, `disk` (it cannot be written), `failed`. */
export interface Problem {
  readonly code: string;
  /** A sentence for a person; may be empty. */
  readonly message: string;
}

export type OutgoingState =
  | "making" /* the link is being made */
  | "waiting" /* nobody is receiving now, more may come */
  | "sending"
  | "complete" /* as many as the link was for have it, verified */
  | "ended"; /* cancelled, revoked, or broken: `error` says it */

/** One who receives. A plain value: a new one comes with every change. */
export interface Receiver {
  /** Stays the same over reconnections. */
  id: string;
  name: string;
  state: "connecting" | "deciding" | "receiving" | "away" | "complete" | "gave-up" | "wrong-secret" | "failed";
  /** Bytes verified at the other end, and of the whole transfer (without what they do not want). */
  verified: number;
  total: number;
  /** Bytes a second, over the last seconds. */
  rate: number;
  way?: WayKind;
  /** Why it failed, as a sentence. */
  problem?: string;
  /** The secret of a pair, b64, that both ends have in common: where both keep it, they know each other again (docs/transfer.md, Pairs). */
  pair?: string;
}

export type OutgoingEvents = {
  /** Anything below has changed: called at most some times a second. */
  change: [];
};

export interface Outgoing extends Emitter<OutgoingEvents> {
  readonly state: OutgoingState;
  /** With the key; empty while it is being made. */
  readonly link: string;
  /** The speakable code; empty where there is none (any more). */
  readonly code: string;
  /** When the link ends, in ms since 1970. */
  readonly expires: number;
  /** The link was withdrawn or has expired: nobody new can come; who is there goes on. */
  readonly closed: boolean;
  readonly receivers: readonly Receiver[];
  readonly error?: Problem;
  /** Makes the link. Rejects where the server refuses. */
  start(): Promise<void>;
  /** A new speakable code; the old one is void. */
  renewCode(): Promise<void>;
  /** Nobody can use the link any more; everybody is told. */
  revoke(): Promise<void>;
  /** The page goes: tells the receivers that no more is coming. */
  cancel(reason?: string): void;
}

/** What a receiver was given when they took the link: kept, they may come back with it. */
export interface Seat {
  id: string;
  key: string;
  token: string;
  room: string;
  identity: string;
}

export interface ReceiveOptions {
  /** The link's two halves (`key` is what follows #, `.p` included), or a speakable code. */
  from: { id: string; key: string } | { code: string };
  server?: string;
  name?: string;
  /** From an earlier try. */
  seat?: Seat;
}

export interface Offer {
  id: string;
  name: string;
  kind: "files" | "text";
  files: number;
  bytes: number;
  entries: readonly Entry[];
}

export type IncomingState =
  | "new" /* nothing was taken yet */
  | "joining" /* the link is being taken */
  | "waiting" /* the sender is not there (any more); they may come back */
  | "connecting"
  | "offered" /* accept() or cancel() now */
  | "receiving"
  | "complete"
  | "ended"; /* `error` says why */

export type IncomingEvents = {
  change: [];
  /** The link was taken: to be kept until it is complete. */
  seat: [Seat];
};

export interface Incoming extends Emitter<IncomingEvents> {
  readonly state: IncomingState;
  readonly offer?: Offer;
  /** The message, when it has come. */
  readonly text?: string;
  readonly verified: number;
  readonly total: number;
  readonly rate: number;
  readonly way?: WayKind;
  readonly error?: Problem;
  /** What the sender is called, and the secret of a pair as a Receiver has it; none before the handshake. */
  readonly sender?: { readonly name: string; readonly pair: string };
  /** Takes the link (or the code) and goes on until there is an offer. After `wrong-secret` it may be called anew with another passphrase. */
  start(passphrase?: string): Promise<void>;
  /** Receives onto the disk; `skip` are numbers of entries that are not wanted. A text needs no disk. */
  accept(disk?: Disk, skip?: readonly number[]): Promise<void>;
  /** Tells the sender that no more is wanted. */
  cancel(reason?: string): void;
  /** Goes without a word that it is over: the seat may be come back with. */
  leave(): void;
}
