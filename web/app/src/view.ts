// How one person looks at the call: layout, pins, pages and panels. Nobody else is told.
import { computed, signal } from "@preact/signals";
import type { Chat } from "./chat";
import type { Layout } from "./tiles";

const narrowQuery = "(max-width: 700px)"; // as in call.css: below it is a phone

export class View {
  readonly layout = signal<Layout>("auto");
  readonly pinned = signal<ReadonlySet<string>>(new Set());
  readonly page = signal(0);
  /** How many pages there are; the stage says so. */
  readonly pages = signal(1);
  readonly people = signal(false);
  readonly connection = signal(false);
  readonly help = signal(false);
  readonly inviting = signal(false);
  readonly narrow = signal(false);
  readonly fullscreen = signal(false);
  readonly panel = computed(() => (this.chat.open.value ? "chat" : this.people.value ? "people" : this.connection.value ? "connection" : undefined));
  #stop: (() => void)[] = [];

  constructor(readonly chat: Chat) {}

  /** Follows the browser's window until close(). */
  start(): void {
    const query = window.matchMedia(narrowQuery);
    const follow = () => (this.narrow.value = query.matches);
    const full = () => (this.fullscreen.value = document.fullscreenElement !== null);
    follow();
    full();
    query.addEventListener("change", follow);
    document.addEventListener("fullscreenchange", full);
    this.#stop = [() => query.removeEventListener("change", follow), () => document.removeEventListener("fullscreenchange", full)];
  }

  close(): void {
    for (const stop of this.#stop) stop();
  }

  toggleChat(): void {
    this.people.value = this.connection.value = false;
    this.chat.toggle();
  }

  toggleConnection(): void {
    if (this.chat.open.value) this.chat.toggle();
    this.people.value = false;
    this.connection.value = !this.connection.value;
  }

  togglePeople(): void {
    if (this.chat.open.value) this.chat.toggle();
    this.connection.value = false;
    this.people.value = !this.people.value;
  }

  /** One tile is pinned at a time by a click; with `more`, beside those that are. */
  pin(key: string, more = false): void {
    const now = new Set(this.pinned.value);
    const was = now.delete(key);
    if (!more) now.clear();
    if (!was) now.add(key);
    this.pinned.value = now;
  }

  nextLayout(): void {
    this.layout.value = this.layout.value === "grid" ? "speaker" : this.layout.value === "speaker" ? "auto" : "grid";
    this.page.value = 0;
  }

  turnPage(by: number): void {
    const at = Math.min(this.page.value, this.pages.value - 1); // there were more when it was set
    this.page.value = Math.max(0, Math.min(this.pages.value - 1, at + by));
  }

  async toggleFullscreen(element: Element = document.documentElement): Promise<void> {
    // Refused by the browser's own rules (an iPhone has none): there is nothing to say about it.
    await (document.fullscreenElement ? document.exitFullscreen() : element.requestFullscreen?.())?.catch(() => {});
  }
}

/** Whether this browser has a full screen for pages. */
export function canFullscreen(): boolean {
  return typeof document !== "undefined" && document.fullscreenEnabled;
}
