// Sizes, rates and times in words.

const units = ["bytes", "kB", "MB", "GB", "TB"] as const;

/** "1 byte", "812 kB", "1.4 GB": as file managers count, by thousands. */
export function sizeWords(bytes: number): string {
  if (bytes === 1) return "1 byte";
  let n = bytes;
  let unit = 0;
  while (unit < units.length - 1 && n >= 999.5) {
    n /= 1000;
    unit++;
  }
  const digits = unit > 0 && n < 9.95 ? 1 : 0;
  return `${n.toFixed(digits)} ${units[unit]}`;
}

export function rateWords(bytesPerSecond: number): string {
  return `${sizeWords(bytesPerSecond)}/s`;
}

/** "less than a minute left", "about 3 minutes left"; empty where nothing moves. */
export function leftWords(left: number, bytesPerSecond: number): string {
  if (left <= 0 || bytesPerSecond <= 0) return "";
  const seconds = left / bytesPerSecond;
  if (seconds < 10) return "a few seconds left";
  if (seconds < 55) return `about ${Math.round(seconds / 10) * 10} seconds left`;
  if (seconds < 90) return "about a minute left";
  if (seconds < 90 * 60) return `about ${Math.round(seconds / 60)} minutes left`;
  return `about ${Math.round(seconds / 3600)} hours left`;
}

/** Whole percents, and 100 only at the end. */
export function percent(done: number, total: number): number {
  if (total <= 0) return 0;
  return done >= total ? 100 : Math.min(99, Math.floor((100 * done) / total));
}

/** What a link's clock shows: "9:41", "2 h 05 min", "6 days". */
export function clockWords(left: number): string {
  const seconds = Math.max(0, Math.ceil(left / 1000));
  if (seconds < 3600) return `${Math.floor(seconds / 60)}:${pad(seconds % 60)}`;
  if (seconds < 2 * 86_400) return `${Math.floor(seconds / 3600)} h ${pad(Math.floor((seconds % 3600) / 60))} min`;
  return `${Math.floor(seconds / 86_400)} days`;
}

function pad(n: number): string {
  return String(n).padStart(2, "0");
}

export function countWords(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
}
