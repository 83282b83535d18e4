// Names as this browser's system and its download folder take them. What comes over the wire was refused already where it is
// dangerous (docs/transfer.md, Names); this is for what is merely awkward.

const most = 200; // characters: room for " (2)" and ".part"

/** A file's name for a download: one part, no controls, nothing that a system reads otherwise. */
export function saveName(name: string): string {
  const last = name.split(/[/\\]/).pop() ?? "";
  const clean = last
    .normalize("NFC")
    .replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "") // nor what turns the reading direction
    .replace(/[<>:"|?*]/g, "_")
    .replace(/^\.+/, "")
    .replace(/[. ]+$/, "");
  const device = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)/i.test(clean);
  return shorten(device ? `_${clean}` : clean) || "file";
}

function shorten(name: string): string {
  if (name.length <= most) return name;
  const { stem, ending } = parts(name);
  return stem.slice(0, most - ending.length) + ending;
}

/** "a.tar.gz" is "a.tar" and ".gz"; what is no ending stays with the name. */
export function parts(name: string): { stem: string; ending: string } {
  const ending = /.(\.[A-Za-z0-9]{1,10})$/.exec(name)?.[1] ?? "";
  return { stem: name.slice(0, name.length - ending.length), ending };
}

/** The n-th name to try where one is taken: "a.txt", "a (2).txt", "a (3).txt". */
export function nthName(name: string, n: number): string {
  if (n <= 1) return name;
  const { stem, ending } = parts(name);
  return `${stem} (${n})${ending}`;
}

/** "Screenshot 2026-11-23 14.03.png", in local time. */
export function screenshotName(at: Date, ending = "png"): string {
  const two = (n: number) => String(n).padStart(2, "0");
  return `Screenshot ${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}.${two(at.getMinutes())}.${ending}`;
}

const types: Record<string, string> = {
  png: "image/png", jpg: "image/jpeg", jpeg: "image/jpeg", gif: "image/gif", webp: "image/webp", avif: "image/avif",
  mp4: "video/mp4", webm: "video/webm", mp3: "audio/mpeg", ogg: "audio/ogg", opus: "audio/ogg", wav: "audio/wav", flac: "audio/flac", m4a: "audio/mp4",
  pdf: "application/pdf", txt: "text/plain;charset=utf-8", md: "text/plain;charset=utf-8", log: "text/plain;charset=utf-8", csv: "text/plain;charset=utf-8",
};

/** The type under which a file can be opened in a tab; undefined where it must only be saved. A page or an SVG would run as a part of this site. */
export function openType(name: string): string | undefined {
  return types[/\.([A-Za-z0-9]+)$/.exec(name)?.[1]?.toLowerCase() ?? ""];
}
