// What people paste or type to get into a room, or to a file that waits for them.
import { parseRoute } from "./route";
import { receivePath } from "./transfer/address";

/** The path that a link or a room's name leads to; undefined where it is neither. Only the path of a link is used:
 * it never leads to another site. */
export function entryPath(text: string, base = location.href): string | undefined {
  const entry = text.trim();
  if (/^[A-Z2-7]{26}$/.test(entry)) return `/i/${entry}`; // an invitation without its address
  const transfer = receivePath(entry);
  if (transfer) return transfer;
  if (!/[/:]/.test(entry)) return roomPath(entry);
  const path = pathOf(entry, base);
  const page = path && parseRoute(path).page;
  return page === "invitation" || page === "room" ? path : undefined;
}

/** A name as it was heard: "Calm otter 421" is calm-otter-421. */
function roomPath(name: string): string | undefined {
  const heard = /\s/.test(name) ? name.toLowerCase().replaceAll(/\s+/g, "-") : name;
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(heard) ? `/r/${heard}` : undefined;
}

function pathOf(entry: string, base: string): string | undefined {
  try {
    // Without its scheme it would be taken for a path of ours.
    const link = /^[\w.-]+(:\d+)?\/[ir]\//.test(entry) && !/^[ir]\//.test(entry) ? `https://${entry}` : entry;
    return new URL(link, new URL("/", base)).pathname;
  } catch {
    return undefined;
  }
}
