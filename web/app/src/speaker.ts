// The speaker on which the others are heard.
import type { Call } from "./call";
import { speaker } from "./devices";

/** Lets the call sound on the speaker that was chosen last. */
export async function useSpeaker(call: Call): Promise<void> {
  // One that is not there any more is as none chosen.
  if (speaker.canChoose && speaker.id.value) await call.room.setSpeaker(speaker.id.value).catch(() => {});
}

export async function chooseSpeaker(call: Call, id: string): Promise<void> {
  try {
    await call.room.setSpeaker(id);
    speaker.choose(id);
  } catch {
    call.news.say("That speaker cannot be used. Check that it is connected, or choose another.");
  }
}
