// Reactions: an emoji that floats up for a moment, here and on everyone's page.
import { signal } from "@preact/signals";
import type { Data, Room } from "../../sdk/src/index";

const topic = "reaction";
export const emojis = ["👍", "👏", "❤️", "😂", "😮", "🎉", "🤔", "👎"] as const;
export const floatsFor = 4_000; // ms, as the animation in call.css
const most = 24; // on screen at once: the oldest goes first
const pause = 150; // ms between two of ours: who holds the key down floods nobody

export interface Reaction {
  id: number;
  emoji: string;
  name: string;
  /** Where it rises: 0 (left) to 1. */
  place: number;
}

export class Reactions {
  readonly floating = signal<readonly Reaction[]>([]);
  #count = 0;
  #last = 0;

  constructor(readonly room: Room) {
    room.on("data", (data) => this.#receive(data));
  }

  send(emoji: string, now = Date.now()): void {
    if (now - this.#last < pause) return;
    this.#last = now;
    this.#show(emoji, "You");
    this.room.send(topic, { emoji }).catch(() => {}); // a lost one is nothing to complain of
  }

  #receive(data: Data): void {
    if (data.topic !== topic || !data.from) return;
    const emoji = emojiOf(data.payload);
    if (emoji) this.#show(emoji, this.room.participant(data.from)?.name || data.from);
  }

  #show(emoji: string, name: string): void {
    const id = ++this.#count;
    const place = ((id * 7) % 12) / 11; // side by side, never two in a row at one place
    this.floating.value = [...this.floating.value, { id, emoji, name, place }].slice(-most);
    setTimeout(() => (this.floating.value = this.floating.value.filter((r) => r.id !== id)), floatsFor);
  }
}

/** Others may send anything: only what one can choose here is shown. */
function emojiOf(payload: unknown): string | undefined {
  if (typeof payload !== "object" || payload === null || !("emoji" in payload)) return undefined;
  return emojis.find((e) => e === payload.emoji);
}
