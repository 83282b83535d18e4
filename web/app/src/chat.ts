// The chat of a call: short texts over `data`, kept while the page is open.
import { computed, signal } from "@preact/signals";
import { SwitchyardError, type Data, type Room } from "../../sdk/src/index";

const topic = "chat";
const maxText = 4_000; // characters
const maxLines = 500; // older lines go

export interface Line {
  id: number;
  name: string;
  yours: boolean;
  text: string;
  /** In milliseconds since 1970. */
  at: number;
  /** Why it was not sent. */
  failed?: string;
}

export class Chat {
  readonly lines = signal<Line[]>([]);
  readonly open = signal(false);
  readonly #seen = signal(0); // id of the last line that was on view
  readonly unread = computed(() => {
    if (this.open.value) return 0;
    return this.lines.value.filter((l) => !l.yours && l.id > this.#seen.value).length;
  });
  #id = 0;

  constructor(readonly room: Room) {
    room.on("data", (data) => this.#receive(data));
  }

  toggle(): void {
    this.open.value = !this.open.value;
    this.#seen.value = this.#id;
  }

  async send(text: string): Promise<void> {
    const trimmed = text.trim().slice(0, maxText);
    if (!trimmed) return;
    const line = this.#add({ name: "You", yours: true, text: trimmed, at: Date.now() });
    try {
      await this.room.send(topic, { text: trimmed });
    } catch (e) {
      const failed = e instanceof SwitchyardError ? e.message : "It could not be sent.";
      this.lines.value = this.lines.value.map((l) => (l.id === line.id ? { ...l, failed } : l));
    }
  }

  #receive(data: Data): void {
    if (data.topic !== topic || !data.from) return;
    const text = textOf(data.payload);
    if (!text) return;
    const name = this.room.participant(data.from)?.name || data.from;
    this.#add({ name, yours: false, text, at: data.at ?? Date.now() });
  }

  #add(line: Omit<Line, "id">): Line {
    const added = { ...line, id: ++this.#id };
    this.lines.value = [...this.lines.value, added].slice(-maxLines);
    if (this.open.value) this.#seen.value = this.#id;
    return added;
  }
}

/** Others may send anything: only a text is shown. */
function textOf(payload: unknown): string {
  if (typeof payload !== "object" || payload === null || !("text" in payload)) return "";
  return typeof payload.text === "string" ? payload.text.slice(0, maxText) : "";
}
