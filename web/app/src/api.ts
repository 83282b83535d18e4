// The few HTTP calls of the app.
import { SwitchyardError } from "../../sdk/src/index";
import type { ErrorCode } from "../../sdk/src/index";

/** What the pages around a call depend on. */
export interface ServerFacts {
  /** You may start rooms here, and enter open ones by name. */
  open: boolean;
  /** Where this server is by HTTPS. */
  https: string;
  /** Devices may ask to see each other. */
  nearby?: boolean;
}

export interface Invitation {
  room: string;
  role: string;
  /** It can still be accepted. */
  valid: boolean;
  /** Why not. */
  reason?: Reason;
}

/** What an invitation that ended died of. */
export type Reason = "expired" | "revoked" | "used-up";

export interface Accepted {
  token: string;
  room: string;
  identity: string;
  role?: string;
}

export interface InvitationWish {
  room: string;
  role: "host" | "guest" | "viewer";
  /** How many may accept; 0: any number. */
  uses: number;
  /** In seconds; 0: as the server likes. */
  expiresIn: number;
}

export interface MadeInvitation {
  id: string;
  url: string;
  room: string;
  role: string;
  uses?: number;
  expires: string;
}

/** A refusal of the HTTP API; `reason` is the server's own code for it. */
export class ApiError extends SwitchyardError {
  constructor(
    code: ErrorCode | "unreachable",
    message: string,
    retryable: boolean,
    readonly reason: string = code,
  ) {
    super(code, message, retryable);
  }
}

export function readServer(): Promise<ServerFacts> {
  return call<ServerFacts>("/v1/server", { method: "GET" });
}

/** Starts a room on an open server; the key makes one its host. */
export function startRoom(): Promise<{ room: string; key: string }> {
  return call("/v1/open-rooms", post({}));
}

/** Whether there is a room of this name that one may enter without an invitation. */
export function readOpenRoom(room: string): Promise<{ room: string; role: string }> {
  return call(`/v1/open-rooms/${encodeURIComponent(room)}`, { method: "GET" });
}

export function enterRoom(room: string, name: string, key?: string): Promise<Accepted> {
  return call<Accepted>(`/v1/open-rooms/${encodeURIComponent(room)}/enter`, post({ name, key }));
}

/** What an invitation leads to; asking does not use it up. */
export function readInvitation(id: string): Promise<Invitation> {
  return call<Invitation>(`/v1/invitations/${encodeURIComponent(id)}`, { method: "GET" });
}

/** Takes an invitation: the server makes an identity and its token. */
export function acceptInvitation(id: string, name: string): Promise<Accepted> {
  return call<Accepted>(`/v1/invitations/${encodeURIComponent(id)}/accept`, post({ name }));
}

/** Makes an invitation, as the participant whose token it is. */
export function makeInvitation(wish: InvitationWish, token: string): Promise<MadeInvitation> {
  return call<MadeInvitation>("/v1/invitations", post(wish, token));
}

/** Withdraws an invitation: nobody can accept it any more. */
export async function revokeInvitation(id: string, token: string): Promise<void> {
  await call(`/v1/invitations/${encodeURIComponent(id)}`, { method: "DELETE", headers: bearer(token) });
}

/** What is known of a file transfer's link without its key. */
export interface TransferFacts {
  /** It can still be accepted. */
  valid: boolean;
  reason?: Reason;
  /** RFC 3339. */
  expires?: string;
  /** How many may still accept it. */
  left?: number;
}

/** Whether a transfer's link is still good; asking does not use it up. */
export function readTransfer(id: string): Promise<TransferFacts> {
  return call<TransferFacts>(`/v1/transfers/${encodeURIComponent(id)}`, { method: "GET" });
}

export interface NearbyWish {
  name: string;
  /** A secret of this device. */
  device: string;
  network: boolean;
  /** Those that it was paired with, by the ids that both derive. */
  pairs?: string[];
}

/** Where the devices of this network see each other, and those of each pair. */
export function enterNearby(wish: NearbyWish, token?: string): Promise<{ rooms: { pair?: string; room: string; identity: string; token: string }[]; hint?: string }> {
  return call("/v1/nearby", post(wish, token));
}

function bearer(token: string) {
  return { authorization: `Bearer ${token}` };
}

function post(body: unknown, token?: string): RequestInit {
  const headers = { "content-type": "application/json", ...(token && bearer(token)) };
  return { method: "POST", headers, body: JSON.stringify(body) };
}

async function call<T>(path: string, init: RequestInit): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, { ...init, cache: "no-store" });
  } catch {
    throw new ApiError("unreachable", "The server does not answer.", true);
  }
  if (response.status === 204) return undefined as T;
  if (response.ok) return (await response.json()) as T;
  throw await refusal(response);
}

const codes: Record<number, ErrorCode> = { 401: "unauthorized", 403: "forbidden", 404: "not-found", 410: "not-found", 429: "limit" };

/** The server answers with problem details (RFC 9457): `detail` is a sentence for a person. */
async function refusal(response: Response): Promise<ApiError> {
  const said = (await response.json().catch(() => undefined)) as { detail?: string; code?: string } | undefined;
  const code = said?.code === "shutting-down" ? said.code : codes[response.status] ?? "internal";
  const retryable = response.status >= 500 || response.status === 429;
  return new ApiError(code, said?.detail ?? "", retryable, said?.code);
}
