// What ends a transfer, as an error that carries its code.
import { SwitchyardError } from "../error";
import type { Problem } from "./shape";

/** A transfer that cannot go on. */
export class TransferError extends Error implements Problem {
  constructor(
    readonly code: string,
    message: string,
    /** The entry that it is about. */
    readonly entry?: number,
  ) {
    super(message);
  }
}

/** The other end broke the protocol. */
export function broken(what: string, entry?: number): TransferError {
  return new TransferError("failed", `The other end sent what makes no sense (${what}). Use the same version at both ends.`, entry);
}

/** Anything that was thrown, as what ends a transfer. */
export function asProblem(e: unknown, code = "failed"): TransferError {
  if (e instanceof TransferError) return e;
  if (e instanceof SwitchyardError) return new TransferError(e.code, e.message);
  const own = typeof e === "object" && e !== null && "code" in e && typeof e.code === "string" ? e.code : code;
  return new TransferError(own, e instanceof Error ? e.message : String(e));
}
