// The few HTTP calls of the app.
import { SwitchyardError } from "../../sdk/src/index";
import type { ErrorCode } from "../../sdk/src/index";

export interface Invitation {
  room: string;
  role: string;
  /** It can still be accepted. */
  valid: boolean;
}

export interface Accepted {
  token: string;
  room: string;
  identity: string;
  role?: string;
}

/** What an invitation leads to; asking does not use it up. */
export function readInvitation(id: string): Promise<Invitation> {
  return call<Invitation>(`/v1/invitations/${encodeURIComponent(id)}`, { method: "GET" });
}

/** Takes an invitation: the server makes an identity and its token. */
export function acceptInvitation(id: string, name: string): Promise<Accepted> {
  return call<Accepted>(`/v1/invitations/${encodeURIComponent(id)}/accept`, json({ name }));
}

/** Makes an invitation to a room and returns its link. */
export async function invite(room: string, token: string): Promise<string> {
  const init = json({ room });
  const made = await call<{ url: string }>("/v1/invitations", {
    ...init,
    headers: { ...init.headers, authorization: `Bearer ${token}` },
  });
  return made.url;
}

function json(body: unknown) {
  return { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}

async function call<T>(path: string, init: RequestInit): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch {
    throw new SwitchyardError("unreachable", "The server does not answer.", true);
  }
  if (response.ok) return (await response.json()) as T;
  throw await refusal(response);
}

const codes: Record<number, ErrorCode> = { 401: "unauthorized", 403: "forbidden", 404: "not-found", 410: "not-found", 429: "limit" };

/** The server answers with problem details (RFC 9457): `detail` is a sentence for a person. */
async function refusal(response: Response): Promise<SwitchyardError> {
  const said = (await response.json().catch(() => undefined)) as { detail?: string } | undefined;
  const code = codes[response.status] ?? "internal";
  return new SwitchyardError(code, said?.detail ?? "", response.status >= 500);
}
