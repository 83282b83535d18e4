// A small window that stays above others while one works elsewhere: the one who speaks, and a few
// buttons. Where the browser has no windows for that, its own for a single video.
import { signal } from "@preact/signals";
import { render } from "preact";
import type { Call } from "./call";
import { DeviceButton, Round } from "./controls";
import { camera, microphone } from "./devices";
import { Tile } from "./tile";
import { arrange, makeTiles } from "./tiles";

interface DocumentPictureInPicture {
  window: Window | null;
  requestWindow(options: { width: number; height: number }): Promise<Window>;
}

const size = { width: 400, height: 280 }; // px

export const pipOpen = signal(false);

function documents(): DocumentPictureInPicture | undefined {
  return (window as Window & { documentPictureInPicture?: DocumentPictureInPicture }).documentPictureInPicture;
}

export function canPictureInPicture(): boolean {
  return documents() !== undefined || document.pictureInPictureEnabled;
}

/** Opens the window, or closes it. It needs a click or a key just before. */
export async function openPictureInPicture(call: Call): Promise<void> {
  if (documents()?.window) return documents()?.window?.close();
  if (document.pictureInPictureElement) return void document.exitPictureInPicture().catch(() => {});
  try {
    if (documents()) await openWindow(call);
    else await largestVideo()?.requestPictureInPicture();
  } catch {
    call.news.say("Your browser did not open the small window. Click the button again.");
  }
}

export function closePictureInPicture(): void {
  documents()?.window?.close();
}

async function openWindow(call: Call): Promise<void> {
  const win = await documents()?.requestWindow(size);
  if (!win) return;
  for (const sheet of document.querySelectorAll("link[rel=stylesheet]")) win.document.head.append(sheet.cloneNode());
  win.document.title = `${call.room.name} · Switchyard`;
  win.document.documentElement.lang = "en";
  render(<Small call={call} />, win.document.body);
  pipOpen.value = true;
  win.addEventListener("pagehide", () => {
    render(null, win.document.body);
    pipOpen.value = false;
  });
}

function Small({ call }: { call: Call }) {
  const tiles = makeTiles(call.participants.value, call.room.you);
  const choice = { layout: "speaker" as const, pinned: call.view.pinned.value, speaker: call.speaker.value };
  const { featured, rest } = arrange(tiles, choice);
  const model = featured[0] ?? rest[0];
  return (
    <div class="small-window">
      {model && <Tile key={model.key} call={call} model={model} size={size} featured apart />}
      <div class="controls">
        {call.sending.may("microphone") && <DeviceButton call={call} device={microphone} />}
        {call.sending.may("camera") && <DeviceButton call={call} device={camera} />}
        <Round icon="leave" label="Leave" kind="danger" onclick={() => call.leave()} />
      </div>
    </div>
  );
}

function largestVideo(): HTMLVideoElement | undefined {
  const videos = [...document.querySelectorAll<HTMLVideoElement>(".stage .tile[data-visible=true] video")];
  return videos.sort((a, b) => b.clientWidth * b.clientHeight - a.clientWidth * a.clientHeight)[0];
}
