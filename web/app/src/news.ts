// Sentences for a while: notes on the screen, and words for screen readers alone.
import { signal } from "@preact/signals";

const noteFor = 6_000; // ms
const actionFor = 12_000; // with a button one needs longer
const most = 3; // notes at once
const gather = 1_500; // ms: comings and goings are told together
const chatPause = 15_000; // ms between two hints that there is something to read

export interface Note {
  id: number;
  text: string;
  action?: { label: string; run(): void };
}

export class News {
  readonly notes = signal<readonly Note[]>([]);
  /** For a live region that nobody sees. */
  readonly spoken = signal("");
  #count = 0;
  #came: string[] = [];
  #went: string[] = [];
  #timer?: ReturnType<typeof setTimeout>;
  #wrote = -Infinity;

  readonly say = (text: string, action?: Note["action"]): void => {
    if (!text) return;
    const note = { id: ++this.#count, text, action };
    this.notes.value = [...this.notes.value.filter((n) => n.text !== text), note].slice(-most);
    setTimeout(() => this.dismiss(note.id), action ? actionFor : noteFor);
  };

  dismiss(id: number): void {
    this.notes.value = this.notes.value.filter((n) => n.id !== id);
  }

  came(name: string): void {
    this.#came.push(name);
    this.#later();
  }

  went(name: string): void {
    this.#went.push(name);
    this.#later();
  }

  wrote(name: string, now = Date.now()): void {
    if (now - this.#wrote < chatPause) return;
    this.#wrote = now;
    this.spoken.value = `New message from ${name}`;
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #later(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const words = [crowd(this.#came, "joined"), crowd(this.#went, "left")];
      this.#came = [];
      this.#went = [];
      this.spoken.value = words.filter(Boolean).join(". ");
    }, gather);
  }
}

function crowd(names: readonly string[], did: string): string {
  if (names.length === 0) return "";
  return names.length > 2 ? `${names.length} people ${did}` : `${names.join(" and ")} ${did}`;
}
