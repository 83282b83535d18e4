// Files from device to device: `sendFiles` makes a link, `receiveFiles` takes one. An entry of its own beside the SDK's.
import { IncomingTransfer } from "./incoming";
import { OutgoingTransfer } from "./outgoing";
import type { Incoming, Outgoing, ReceiveOptions, SendOptions } from "./shape";

export type * from "./disk";
export type * from "./shape";
export { TransferAPI, type MadeTransfer, type TransferFacts } from "./api";
export { IncomingTransfer } from "./incoming";
export { parseCode, codeText, parseKey } from "./link";
export { pathFault } from "./names";
export { PairingHost, pairWith, type Me, type Pairing } from "./pair";
export { OutgoingTransfer } from "./outgoing";
export { TransferError } from "./problem";

/** Files, folders or a text to whoever gets the link; start() makes it. */
export function sendFiles(options: SendOptions): Outgoing {
  return new OutgoingTransfer(options);
}

/** What a link or code leads to; start() takes it. */
export function receiveFiles(options: ReceiveOptions): Incoming {
  return new IncomingTransfer(options);
}
