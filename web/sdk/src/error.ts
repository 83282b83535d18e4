// Errors of the SDK: each carries a code that an application can branch on.
import type { ErrorCode, ProtocolError } from "./protocol";

/** What can go wrong in the browser, beside the protocol's own codes. */
export type ClientCode =
  | "unreachable" /* the server does not answer */
  | "timeout" /* an answer did not come in time */
  | "closed" /* the room was left */
  | "insecure" /* the page is neither HTTPS nor localhost: no camera */
  | "denied" /* the person or the system refused a device */
  | "no-device" /* there is no such device */
  | "device-busy" /* another program holds the device */
  | "too-large" /* more bytes than the other end accepts */
  | "not-open"; /* a data channel or link is not open (yet) */

/** An error with a code. `message` is one sentence for a person. */
export class SwitchyardError extends Error {
  override readonly name = "SwitchyardError";

  constructor(
    readonly code: ErrorCode | ClientCode,
    message: string,
    /** The same call may succeed later. */
    readonly retryable = false,
    /** The session is over. */
    readonly fatal = false,
  ) {
    super(message);
  }

  static from(e: ProtocolError): SwitchyardError {
    return new SwitchyardError(e.code, e.message, e.retryable, e.fatal ?? false);
  }
}
