// Two soft notes, to hear whether the speaker works. Made here: there is nothing to download.

const rate = 24_000; // samples a second
const notes = [523.25, 783.99]; // Hz: c'' and g''
const noteLength = 0.45; // s

/** Samples from -1 to 1. */
export function testSamples(): Float32Array {
  const each = Math.round(rate * noteLength);
  const out = new Float32Array(each * notes.length);
  notes.forEach((hertz, n) => {
    for (let i = 0; i < each; i++) {
      const t = i / rate;
      const swell = Math.min(1, t / 0.02) * Math.exp(-5 * t) * Math.min(1, (noteLength - t) / 0.02);
      out[n * each + i] = 0.5 * swell * (Math.sin(2 * Math.PI * hertz * t) + 0.2 * Math.sin(4 * Math.PI * hertz * t));
    }
  });
  return out;
}

/** The samples as a WAVE file (RIFF, 16 bits, mono). */
export function wave(samples: Float32Array): Uint8Array<ArrayBuffer> {
  const bytes = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const text = (at: number, s: string) => [...s].forEach((c, i) => bytes.setUint8(at + i, c.charCodeAt(0)));
  text(0, "RIFF");
  bytes.setUint32(4, 36 + 2 * samples.length, true);
  text(8, "WAVEfmt ");
  bytes.setUint32(16, 16, true);
  bytes.setUint16(20, 1, true); // PCM
  bytes.setUint16(22, 1, true); // mono
  bytes.setUint32(24, rate, true);
  bytes.setUint32(28, 2 * rate, true);
  bytes.setUint16(32, 2, true);
  bytes.setUint16(34, 16, true);
  text(36, "data");
  bytes.setUint32(40, 2 * samples.length, true);
  samples.forEach((s, i) => bytes.setInt16(44 + 2 * i, Math.round(32_767 * Math.max(-1, Math.min(1, s))), true));
  return new Uint8Array(bytes.buffer);
}

/** Plays the notes to their end; `prepare` may send them to another speaker. */
export async function playTestSound(prepare: (element: HTMLAudioElement) => Promise<void>): Promise<void> {
  const url = URL.createObjectURL(new Blob([wave(testSamples())], { type: "audio/wav" }));
  const element = new Audio(url);
  try {
    await prepare(element);
    await new Promise<void>((resolve, reject) => {
      element.addEventListener("ended", () => resolve());
      element.addEventListener("error", () => reject(new Error("The sound could not be played.")));
      element.play().catch(reject);
    });
  } finally {
    URL.revokeObjectURL(url);
  }
}
