// The speaker on which the others are heard.
import { effect } from "@preact/signals";
import type { Call } from "./call";
import { choices, speaker } from "./devices";

/** Lets the call sound on the speaker that was chosen last for as long as it is connected, and else as the system
 * likes; until the result is called. */
export function followSpeaker(call: Call): () => void {
  let now = "";
  return effect(() => {
    const list = choices.value.filter((d) => d.kind === "audiooutput");
    const id = list.some((d) => d.deviceId === speaker.id.value) ? speaker.id.value : "";
    if (!speaker.canChoose || id === now) return;
    now = id;
    call.room.setSpeaker(id).catch(() => {}); // it went away meanwhile: the list will say so
  });
}

export async function chooseSpeaker(call: Call, id: string): Promise<void> {
  try {
    await call.room.setSpeaker(id);
    speaker.choose(id);
  } catch {
    call.news.say("That speaker cannot be used. Check that it is connected, or choose another.");
  }
}
