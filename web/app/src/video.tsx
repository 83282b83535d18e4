// <video> elements for what comes and for what we send ourselves.
import { useEffect, useRef } from "preact/hooks";
import type { Room, TrackID } from "../../sdk/src/index";
import type { Lie } from "./tiles";

interface RemoteProps {
  room: Room;
  track: TrackID;
  pinned?: boolean;
  /** In a window of its own: seen while the page is hidden. */
  always?: boolean;
  lies: Lie;
  onvisible(visible: boolean): void;
}

/** Someone else's track. The SDK keeps it transparent until the picture is surely theirs. */
export function RemoteVideo({ room, track, pinned = false, always = false, lies, onvisible }: RemoteProps) {
  const ref = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    if (!ref.current) return undefined;
    const stop = room.show(track, ref.current, { pinned, always, onvisible });
    return () => {
      stop();
      onvisible(false);
    };
  }, [room, track, pinned, always]);
  return <video ref={ref} class={`video ${lies}`} playsInline tabIndex={-1} />;
}

/** A camera of our own: the first as in a mirror, others as they are. */
export function OwnVideo({ media, mirrored = true, lies = "fill" }: { media: MediaStreamTrack; mirrored?: boolean; lies?: Lie }) {
  const ref = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    const video = ref.current;
    if (!video) return;
    video.muted = true;
    video.srcObject = new MediaStream([media]);
    video.play().catch(() => {}); // the element went away meanwhile
  }, [media]);
  return <video ref={ref} class={`video ${lies}${mirrored ? " mirrored" : ""}`} autoplay playsInline tabIndex={-1} />;
}
