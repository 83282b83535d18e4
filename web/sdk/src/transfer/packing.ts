// Pieces that travel compressed (RFC 1951), by the browser's own streams.
import type { Bytes } from "./bytes";

export function canInflate(): boolean {
  return typeof DecompressionStream === "function";
}

/** Unpacks a piece of a known length; undefined where it is damaged or has another length. */
export async function inflate(packed: Bytes, length: number): Promise<Bytes | undefined> {
  const stream = new DecompressionStream("deflate-raw");
  const writer = stream.writable.getWriter();
  writer.write(packed).then(() => writer.close()).catch(() => {}); // the reader sees it
  const reader = stream.readable.getReader();
  const out = new Uint8Array(length);
  let filled = 0;
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      if (filled + part.value.length > length) {
        await reader.cancel();
        return undefined; // however much more there may be
      }
      out.set(part.value, filled);
      filled += part.value.length;
    }
  } catch {
    return undefined;
  }
  return filled === length ? out : undefined;
}
