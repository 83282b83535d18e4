// The HTTP API of transfers (docs/transfer.md, The link and The code).
import { TransferError } from "./problem";

export interface MadeTransfer {
  id: string;
  url: string;
  room: string;
  identity: string;
  token: string;
  expires: string;
  receivers: number;
  nameplate?: number;
}

export interface TransferFacts {
  valid: boolean;
  reason?: string;
  expires: string;
  left: number;
}

export interface Entrance {
  token: string;
  room: string;
  identity: string;
}

export class TransferAPI {
  /** `server` is its address; without one it is this page's. */
  constructor(readonly server: string = location.origin) {}

  make(options: { receivers?: number; expiresIn?: number; code?: boolean }, token?: string): Promise<MadeTransfer> {
    return this.#ask("POST", "transfers", options, token);
  }

  facts(id: string): Promise<TransferFacts> {
    return this.#ask("GET", `transfers/${encodeURIComponent(id)}`);
  }

  /** With the same `once` it takes the same place, where the answer was lost. */
  accept(id: string, name: string | undefined, once: string): Promise<Entrance> {
    return this.#ask("POST", `transfers/${encodeURIComponent(id)}/accept`, { name, once });
  }

  claim(nameplate: number, name?: string): Promise<Entrance> {
    return this.#ask("POST", `codes/${nameplate}/claim`, { name });
  }

  code(id: string, token: string): Promise<{ nameplate: number }> {
    return this.#ask("POST", `transfers/${encodeURIComponent(id)}/code`, {}, token);
  }

  revoke(id: string, token: string): Promise<void> {
    return this.#ask("DELETE", `transfers/${encodeURIComponent(id)}`, undefined, token);
  }

  async #ask<T>(method: string, path: string, body?: object, token?: string): Promise<T> {
    const headers: Record<string, string> = {};
    if (body) headers["Content-Type"] = "application/json";
    if (token) headers["Authorization"] = `Bearer ${token}`;
    let response: Response;
    try {
      response = await fetch(new URL(`/v1/${path}`, this.server), { method, headers, ...(body && { body: JSON.stringify(body) }) });
    } catch {
      throw new TransferError("unreachable", "The server does not answer. Check the connection and try again.");
    }
    const text = await response.text();
    const answer: unknown = text === "" ? undefined : safely(text);
    if (response.ok) return answer as T;
    const { code, detail } = (typeof answer === "object" && answer !== null ? answer : {}) as { code?: string; detail?: string };
    throw new TransferError(code ?? "failed", detail ?? `The server answered ${response.status}. Try again in a moment.`);
  }
}

function safely(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
