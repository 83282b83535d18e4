// A <video> element as a Surface.
import type { Surface } from "./slotview";

interface FrameMetadata {
  rtpTimestamp?: number;
}

type FrameVideo = HTMLVideoElement & {
  requestVideoFrameCallback?(callback: (now: number, metadata: FrameMetadata) => void): number;
  cancelVideoFrameCallback?(handle: number): void;
};

const pollEvery = 100; // ms, where frames cannot be observed

/** Hides by opacity and not by `display`: browsers tell of frames only on elements they draw. */
export function videoSurface(video: HTMLVideoElement): Surface {
  video.autoplay = true;
  video.playsInline = true;
  video.muted = true; // sound has elements of its own: a muted video may always play
  return {
    attach(media) {
      if (!media) {
        video.srcObject = null;
        return;
      }
      video.srcObject = new MediaStream([media]);
      // Rejected when the element leaves the page meanwhile; there is nothing to do then.
      video.play().catch(() => {});
    },
    show(visible) {
      video.style.opacity = visible ? "1" : "0";
    },
    onframe: (callback) => observe(video, callback),
  };
}

function observe(video: FrameVideo, callback: (timestamp: number | undefined) => void): () => void {
  if (!video.requestVideoFrameCallback) return poll(video, callback);
  let handle = 0;
  let stopped = false;
  const next = () => {
    handle = video.requestVideoFrameCallback?.((_now, metadata) => {
      if (stopped) return;
      next();
      callback(metadata.rtpTimestamp);
    }) ?? 0;
  };
  next();
  return () => {
    stopped = true;
    video.cancelVideoFrameCallback?.(handle);
  };
}

function poll(video: HTMLVideoElement, callback: (timestamp: undefined) => void): () => void {
  let last = -1;
  const timer = setInterval(() => {
    if (video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA || video.currentTime === last) return;
    last = video.currentTime;
    callback(undefined);
  }, pollEvery);
  return () => clearInterval(timer);
}
