// Which page the address names.
import { signal } from "@preact/signals";

export type Route =
  | { page: "home" }
  | { page: "invitation"; id: string }
  | { page: "room"; room: string }
  | { page: "doctor" }
  | { page: "admin" }
  | { page: "send" }
  | { page: "transfer"; id: string }
  | { page: "unknown" };

export function parseRoute(path: string): Route {
  if (path === "/") return { page: "home" };
  if (/^\/doctor\/?$/.test(path)) return { page: "doctor" };
  if (/^\/admin\/?$/.test(path)) return { page: "admin" };
  if (/^\/send\/?$/.test(path)) return { page: "send" };
  const [, page, name] = /^\/([irt])\/([^/]+)\/?$/.exec(path) ?? [];
  if (page === "i" && name) return { page: "invitation", id: decode(name) };
  if (page === "r" && name) return { page: "room", room: decode(name) };
  if (page === "t" && name) return { page: "transfer", id: decode(name) };
  return { page: "unknown" };
}

export const route = signal<Route>({ page: "home" });

/** Follows the address bar. */
export function startRouting(): void {
  const follow = () => (route.value = parseRoute(location.pathname));
  window.addEventListener("popstate", follow);
  follow();
}

export function go(path: string, replace = false): void {
  if (replace) history.replaceState(null, "", path);
  else history.pushState(null, "", path);
  route.value = parseRoute(location.pathname);
}

/** A path with what our address says about how to join: `?codec=`. */
export function withCodec(path: string, search = location.search): string {
  const codec = new URLSearchParams(search).get("codec");
  return codec ? `${path}?codec=${encodeURIComponent(codec)}` : path;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
