// What one is about to send, and the transfer once its link is made.
import { computed, signal } from "@preact/signals";
import type { Outgoing, Problem, Receiver, SendItem, SendOptions } from "../../../sdk/src/transfer/shape";
import { keepAwake } from "../awake";
import { countWords } from "./amounts";
import { itemLines, joinItems, type Gathered, without } from "./gather";
import { problemOf } from "./words";

export interface Wishes {
  receivers: number;
  /** s */
  expiresIn: number;
  passphrase: string;
}

const usual: Wishes = { receivers: 1, expiresIn: 600, passphrase: "" };

type Make = (options: SendOptions) => Outgoing;

export class SendModel {
  readonly items = signal<readonly SendItem[]>([]);
  /** Something is being written instead; undefined: files. */
  readonly text = signal<string | undefined>(undefined);
  readonly wishes = signal<Wishes>(usual);
  /** A folder is being read. */
  readonly reading = signal(false);
  readonly making = signal(false);
  readonly problem = signal<Problem | undefined>(undefined);
  readonly transfer = signal<Outgoing | undefined>(undefined);
  /** Counts what the transfer has told: what reads it is shown anew. */
  readonly turn = signal(0);
  readonly receivers = computed<readonly Receiver[]>(() => (this.turn.value, this.transfer.value?.receivers ?? []));
  /** Somebody would lose something if the page went now. */
  readonly busy = computed(() => {
    this.turn.value;
    const t = this.transfer.value;
    return t !== undefined && (t.state === "sending" || (t.state === "waiting" && !t.closed));
  });
  /** There is something to make a link of. */
  readonly ready = computed(() => this.transfer.value === undefined && (this.items.value.length > 0 || (this.text.value ?? "").trim() !== ""));
  /** The link takes somebody new. */
  readonly open = computed(() => {
    this.turn.value;
    const t = this.transfer.value;
    if (!t || t.closed || t.state === "complete" || t.state === "ended") return false;
    return this.receivers.value.filter((r) => r.state !== "wrong-secret").length < this.wishes.value.receivers;
  });
  #sleep?: () => void;

  constructor(
    readonly make: Make,
    readonly who: { name: string; token?: string },
  ) {}

  add(more: Gathered): void {
    this.problem.value = undefined;
    if (more.items.length > 0) {
      this.items.value = joinItems(this.items.value, more.items);
      this.text.value = undefined;
    } else if (more.text && this.items.value.length === 0) {
      this.text.value = (this.text.value ?? "") + more.text;
    }
  }

  /** A folder takes its time to be read. */
  async addLater(more: Promise<Gathered>): Promise<void> {
    this.reading.value = true;
    try {
      this.add(await more);
    } catch {
      this.problem.value = { code: "failed", message: "The browser could not read all of it. Try again, or choose the files with the button." };
    } finally {
      this.reading.value = false;
    }
  }

  remove(name: string): void {
    this.items.value = without(this.items.value, name);
  }

  wish(change: Partial<Wishes>): void {
    this.wishes.value = { ...this.wishes.value, ...change };
  }

  /** Makes the link. */
  async start(): Promise<void> {
    const { passphrase, receivers, expiresIn } = this.wishes.value;
    const text = this.text.value;
    const what = text !== undefined ? { text } : { items: [...this.items.value] };
    this.problem.value = undefined;
    this.making.value = true;
    const transfer = this.make({ what, receivers, expiresIn, ...(passphrase && { passphrase }), ...this.who });
    try {
      await transfer.start();
    } catch (e) {
      this.problem.value = problemOf(e);
      return;
    } finally {
      this.making.value = false;
    }
    transfer.on("change", () => this.#changed());
    this.transfer.value = transfer;
    this.#changed();
  }

  /** The link, and what it leads to in a few words. */
  offer(): { id: string; key: string; name: string; bytes: number } | undefined {
    const [, id = "", key = ""] = /\/t\/(\w+)#([\w.-]+)$/.exec(this.transfer.value?.link ?? "") ?? [];
    if (!id) return undefined;
    if (this.text.value !== undefined) return { id, key, name: "A message", bytes: new TextEncoder().encode(this.text.value).length };
    const lines = itemLines(this.items.value);
    const bytes = lines.reduce((n, l) => n + l.bytes, 0);
    return { id, key, name: lines.length === 1 ? lines[0]?.name ?? "" : countWords(lines.reduce((n, l) => n + l.files, 0), "file"), bytes };
  }

  #changed(): void {
    this.turn.value++;
    if (this.busy.value) this.#sleep ??= keepAwake();
    else this.#rest();
  }

  #rest(): void {
    this.#sleep?.();
    this.#sleep = undefined;
  }

  /** The same once more, by a new link. */
  async again(): Promise<void> {
    this.transfer.value?.cancel();
    this.transfer.value = undefined;
    await this.start();
  }

  /** Begins anew; who was still receiving is told. */
  clear(): void {
    this.#rest();
    this.transfer.value?.cancel();
    this.transfer.value = undefined;
    this.items.value = [];
    this.text.value = undefined;
    this.wishes.value = usual; // a passphrase of before would be forgotten by its person
    this.problem.value = undefined;
  }
}
