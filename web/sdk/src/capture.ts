// Cameras, microphones and screens, with errors that say what to do.
import { SwitchyardError } from "./error";

/** What a call wants of a camera; a browser gives the nearest it has. */
export const cameraDefaults: MediaTrackConstraints = {
  width: { ideal: 1280 },
  height: { ideal: 720 },
  frameRate: { ideal: 30 },
};

export const microphoneDefaults: MediaTrackConstraints = {
  echoCancellation: true,
  noiseSuppression: true,
  autoGainControl: true,
};

/** Opens a camera. */
export async function openCamera(constraints: MediaTrackConstraints = {}): Promise<MediaStreamTrack> {
  const stream = await ask(() => devices().getUserMedia({ video: { ...cameraDefaults, ...constraints } }), "camera");
  return only(stream.getVideoTracks(), "camera");
}

/** Opens a microphone. */
export async function openMicrophone(constraints: MediaTrackConstraints = {}): Promise<MediaStreamTrack> {
  const audio = { ...microphoneDefaults, ...constraints };
  const stream = await ask(() => devices().getUserMedia({ audio }), "microphone");
  return only(stream.getAudioTracks(), "microphone");
}

/** Lets the person choose a screen, window or tab; with its sound where browser and system can. */
export async function openScreen(): Promise<MediaStreamTrack[]> {
  const stream = await ask(
    () => devices().getDisplayMedia({ video: { frameRate: { ideal: 15, max: 30 } }, audio: true }),
    "screen",
  );
  const tracks = stream.getTracks();
  // Text must stay sharp: fewer frames rather than fewer pixels.
  for (const track of tracks) if (track.kind === "video") track.contentHint = "detail";
  return tracks;
}

/** Whether this browser can share a screen at all (phones cannot). */
export function canShareScreen(): boolean {
  return typeof navigator !== "undefined" && !!navigator.mediaDevices && "getDisplayMedia" in navigator.mediaDevices;
}

function devices(): MediaDevices {
  // Browsers hide the devices from pages that are not secure.
  if (typeof navigator !== "undefined" && navigator.mediaDevices) return navigator.mediaDevices;
  throw new SwitchyardError(
    "insecure",
    "Browsers allow camera and microphone only on HTTPS pages (and on localhost). Open this page by https://.",
  );
}

async function ask(open: () => Promise<MediaStream>, what: string): Promise<MediaStream> {
  try {
    return await open();
  } catch (e) {
    throw captureError(e, what);
  }
}

function only(tracks: MediaStreamTrack[], what: string): MediaStreamTrack {
  const track = tracks[0];
  if (!track) throw new SwitchyardError("no-device", `No ${what} was found.`);
  return track;
}

/** Puts a browser's refusal into words. */
export function captureError(e: unknown, what: string): SwitchyardError {
  if (e instanceof SwitchyardError) return e;
  const name = e instanceof Error || e instanceof DOMException ? e.name : "";
  switch (name) {
    case "NotAllowedError":
    case "SecurityError":
      return new SwitchyardError("denied", `The browser may not use the ${what}.`);
    case "NotFoundError":
    case "OverconstrainedError":
      return new SwitchyardError("no-device", `No ${what} was found.`);
    case "NotReadableError":
    case "AbortError":
      return new SwitchyardError("device-busy", `Another program may be using the ${what}.`, true);
    default:
      return new SwitchyardError("internal", e instanceof Error ? e.message : String(e));
  }
}
