// Moments in words, in the language of the browser's pages: English.

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/** How long ago: "just now", "5 minutes ago", "yesterday". */
export function when(at: number, now = Date.now()): string {
  const ago = now - at;
  if (ago < minute) return "just now";
  const format = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  if (ago < hour) return format.format(-Math.round(ago / minute), "minute");
  if (ago < day) return format.format(-Math.round(ago / hour), "hour");
  if (ago < 30 * day) return format.format(-Math.round(ago / day), "day");
  return new Intl.DateTimeFormat("en", { dateStyle: "medium" }).format(at);
}

/** How long something is still good: "for 6 days". */
export function lasting(until: number, now = Date.now()): string {
  const left = until - now;
  if (left <= 0) return "expired";
  const many = (n: number, unit: string) => `for ${n} ${unit}${n === 1 ? "" : "s"}`;
  if (left < hour) return many(Math.max(1, Math.round(left / minute)), "minute");
  if (left < 2 * day) return many(Math.round(left / hour), "hour");
  return many(Math.round(left / day), "day");
}
