// <video> elements for what comes and for what we send ourselves.
import { useEffect, useRef } from "preact/hooks";
import type { Room, TrackID } from "../../sdk/src/index";

interface RemoteProps {
  room: Room;
  track: TrackID;
  pinned?: boolean;
  onvisible(visible: boolean): void;
}

/** Someone else's track. The SDK keeps it transparent until the picture is surely theirs. */
export function RemoteVideo({ room, track, pinned = false, onvisible }: RemoteProps) {
  const ref = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    if (!ref.current) return undefined;
    const stop = room.show(track, ref.current, { pinned, onvisible });
    return () => {
      stop();
      onvisible(false);
    };
  }, [room, track, pinned]);
  return <video ref={ref} class="video" playsInline />;
}

/** Our own camera, as in a mirror. */
export function OwnVideo({ media }: { media: MediaStreamTrack }) {
  const ref = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    const video = ref.current;
    if (!video) return;
    video.muted = true;
    video.srcObject = new MediaStream([media]);
    video.play().catch(() => {}); // the element went away meanwhile
  }, [media]);
  return <video ref={ref} class="video mirrored" autoplay playsInline />;
}
