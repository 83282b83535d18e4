// Memory that is of no use any more, given back at once. A browser looks for such only when there is a hundred megabytes of it, in
// each of its threads.
import type { Bytes } from "./bytes";

let nobody: Worker | undefined; // has ended: what is sent to it is freed

/** Frees bytes that nobody reads any more, where they are all that is in their memory. */
export function drain(bytes: Bytes): void {
  const memory = bytes.buffer;
  if (bytes.byteLength !== memory.byteLength) return;
  try {
    nobody ??= ended();
    nobody.postMessage(memory, [memory]);
  } catch {
    // A page that may have no workers waits for its browser.
  }
}

/** ArrayBuffer.transfer(0) would be simpler; Chromium keeps the memory all the same until it collects its garbage. */
function ended(): Worker {
  const script = URL.createObjectURL(new Blob([]));
  const worker = new Worker(script);
  worker.terminate();
  URL.revokeObjectURL(script);
  return worker;
}
