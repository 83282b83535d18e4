// Keys for what the buttons do. Single letters can be switched off (WCAG 2.1.4): they meet the keys of
// some screen readers and of speech input.
import { signal } from "@preact/signals";
import type { Call } from "./call";
import { camera, microphone } from "./devices";
import { openPictureInPicture } from "./pip";

export interface Shortcut {
  key: string;
  /** The key as the help sheet shows it, where that is another word. */
  shown?: string;
  does: string;
  run(call: Call): void;
}

export const shortcuts: readonly Shortcut[] = [
  { key: "m", does: "Microphone on or off", run: (c) => void c.toggle(microphone) },
  { key: "v", does: "Camera on or off", run: (c) => void c.toggle(camera) },
  { key: "s", does: "Share a screen", run: (c) => void c.sending.addScreen() },
  { key: "h", does: "Raise or lower your hand", run: (c) => void c.toggleHand() },
  { key: "c", does: "Chat", run: (c) => c.view.toggleChat() },
  { key: "p", does: "Participants", run: (c) => c.view.togglePeople() },
  { key: "n", does: "Connection: how the network does", run: (c) => c.view.toggleConnection() },
  { key: "l", does: "Next layout", run: (c) => c.view.nextLayout() },
  { key: "f", does: "Full screen", run: (c) => void c.view.toggleFullscreen() },
  { key: "i", does: "Picture in picture", run: (c) => void openPictureInPicture(c) },
  { key: "ArrowLeft", shown: "←", does: "Previous page of participants", run: (c) => c.view.turnPage(-1) },
  { key: "ArrowRight", shown: "→", does: "Next page of participants", run: (c) => c.view.turnPage(1) },
  { key: "?", does: "This help", run: (c) => (c.view.help.value = !c.view.help.value) },
];

const storeKey = "switchyard:shortcuts";

/** Whether single keys do anything. */
export const enabled = signal(stored());

export function enable(on: boolean): void {
  enabled.value = on;
  try {
    localStorage.setItem(storeKey, on ? "on" : "off");
  } catch {
    // Storage is switched off: the choice lasts as long as the page.
  }
}

/** What a key press means; nothing where somebody writes or works with a control of its own. */
export function shortcutFor(e: Pick<KeyboardEvent, "key" | "ctrlKey" | "altKey" | "metaKey" | "repeat">, target: unknown): Shortcut | undefined {
  if (e.ctrlKey || e.altKey || e.metaKey || e.repeat || takesKeys(target)) return undefined;
  return shortcuts.find((s) => s.key === (e.key.length === 1 ? e.key.toLowerCase() : e.key));
}

/** Listens until the result is called. Holding the space bar speaks while the microphone is off. */
export function listenToKeys(call: Call): () => void {
  let talking = false;
  const down = (e: KeyboardEvent) => {
    if (e.defaultPrevented || document.querySelector("dialog[open], .menu:popover-open")) return;
    if (!enabled.value && e.key !== "?") return;
    if (e.key === " " && !e.repeat && !takesSpace(e.target) && !microphone.on) {
      e.preventDefault();
      talking = true;
      return void call.toggle(microphone);
    }
    const found = shortcutFor(e, e.target);
    if (!found) return;
    e.preventDefault();
    found.run(call);
  };
  const release = () => {
    if (!talking) return;
    talking = false;
    void microphone.settled().then(() => (microphone.on ? call.toggle(microphone) : undefined));
  };
  const up = (e: KeyboardEvent) => e.key === " " && release();
  document.addEventListener("keydown", down);
  document.addEventListener("keyup", up);
  window.addEventListener("blur", release); // the key is let go where we do not hear of it
  return () => {
    document.removeEventListener("keydown", down);
    document.removeEventListener("keyup", up);
    window.removeEventListener("blur", release);
  };
}

function takesKeys(target: unknown): boolean {
  return matches(target, "input, textarea, select, [contenteditable]");
}

function takesSpace(target: unknown): boolean {
  return matches(target, "input, textarea, select, [contenteditable], button, a, summary, [tabindex='0']");
}

function matches(target: unknown, selector: string): boolean {
  return typeof Element !== "undefined" && target instanceof Element && target.matches(selector);
}

function stored(): boolean {
  try {
    return localStorage.getItem(storeKey) !== "off";
  } catch {
    return true;
  }
}
