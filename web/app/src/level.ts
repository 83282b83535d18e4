// How loud a microphone is, for the eye.
import { useEffect, useState } from "preact/hooks";

const every = 80; // ms between looks
const heardFrom = 0.02; // of full scale: breath and fans are below
const silentAfter = 6_000; // ms

export interface Loudness {
  /** 0 to 1, as loudness is felt. */
  level: number;
  /** Something was heard, nothing for a while, or it is not yet known. */
  state: "waiting" | "heard" | "silent";
}

const nothing: Loudness = { level: 0, state: "waiting" };

/** Follows the loudness of a track as long as it is given. */
export function useLoudness(track: MediaStreamTrack | undefined): Loudness {
  const [loudness, setLoudness] = useState(nothing);
  useEffect(() => {
    setLoudness(nothing);
    if (!track || typeof AudioContext === "undefined") return undefined;
    return follow(track, setLoudness);
  }, [track]);
  return loudness;
}

function follow(track: MediaStreamTrack, say: (l: Loudness) => void): () => void {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 1024;
  context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
  const wake = () => void context.resume().catch(() => {}); // some browsers want a click first
  wake();
  window.addEventListener("pointerdown", wake);
  const samples = new Float32Array(analyser.fftSize);
  let state: Loudness["state"] = "waiting";
  let since = Date.now();
  const timer = setInterval(() => {
    if (context.state !== "running") return;
    analyser.getFloatTimeDomainData(samples);
    const peak = peakOf(samples);
    if (peak > heardFrom) [state, since] = ["heard", Date.now()];
    else if (Date.now() - since > silentAfter) state = "silent";
    say({ level: felt(peak), state });
  }, every);
  return () => {
    clearInterval(timer);
    window.removeEventListener("pointerdown", wake);
    void context.close().catch(() => {});
  };
}

export function peakOf(samples: Float32Array): number {
  let peak = 0;
  for (const s of samples) peak = Math.max(peak, Math.abs(s));
  return peak;
}

/** Loudness is felt in decibels: -50 dB and below are 0, full scale is 1. */
export function felt(peak: number): number {
  if (peak <= 0) return 0;
  return Math.min(1, Math.max(0, 1 + (20 * Math.log10(peak)) / 50));
}
