// Finds web addresses in a text.

export interface Part {
  text: string;
  link: boolean;
}

const address = /https?:\/\/[^\s<>"'`]+/g;
const trailing = /[.,;:!?)\]}]+$/; // of the sentence, not of the address

/** The text in parts, whose concatenation it is; only http and https make links. */
export function linkParts(text: string): Part[] {
  const parts: Part[] = [];
  let from = 0;
  for (const found of text.matchAll(address)) {
    const url = found[0].replace(trailing, "");
    if (!isAddress(url)) continue;
    if (found.index > from) parts.push({ text: text.slice(from, found.index), link: false });
    parts.push({ text: url, link: true });
    from = found.index + url.length;
  }
  if (from < text.length) parts.push({ text: text.slice(from), link: false });
  return parts;
}

function isAddress(text: string): boolean {
  try {
    return new URL(text).host !== "";
  } catch {
    return false;
  }
}
