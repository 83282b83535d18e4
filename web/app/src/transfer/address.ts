// The addresses of a transfer to receive, and what people type or paste to get there.

/** What an address holds; in /t/code#… the id "code" stands for a spoken code behind the #. Undefined where the secret is not whole. */
export type Address = { id: string; key: string } | { code: string } | undefined;

export function parseAddress(path: string, hash: string): Address {
  const id = /^\/t\/([^/]+)\/?$/.exec(path)?.[1] ?? "";
  const secret = hash.replace(/^#/, "");
  if (id === "code") {
    const code = spokenCode(secret);
    return code ? { code } : undefined;
  }
  return /^[\w-]{22}(\.p)?$/.test(secret) ? { id, key: secret } : undefined;
}

/** Where a code or a pasted link leads; undefined where it is neither. Secrets stay behind the #: the server is not to see them. */
export function receivePath(text: string): string | undefined {
  const entry = text.trim();
  const link = /\/t\/([A-Za-z0-9]{26})\/?#([\w-]{22}(?:\.p)?)$/.exec(entry);
  if (link) return `/t/${link[1]}#${link[2]}`;
  const code = spokenCode(entry);
  return code ? `/t/code#${code}` : undefined;
}

/** "7 Crossover Clockwork" is 7-crossover-clockwork. */
export function spokenCode(text: string): string | undefined {
  const found = /^(\d{1,6})[\s-]*([a-z]+)[\s-]+([a-z]+)$/i.exec(text.trim());
  return found ? [found[1], found[2], found[3]].join("-").toLowerCase() : undefined;
}
