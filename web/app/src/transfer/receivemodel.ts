// A transfer that one receives: from the deliberate click to the files.
import { signal } from "@preact/signals";
import type { Incoming, Offer, Problem, ReceiveOptions, Seat } from "../../../sdk/src/transfer/shape";
import { keepAwake } from "../awake";
import { Choice, offerMark } from "./choice";
import { chooseDisk, mayWrite } from "./choosedisk";
import type { PageDisk, Saved } from "./disks";
import { closeUnfinished, forgetUnfinished, hold, noteUnfinished, type Unfinished } from "./ledger";
import { problemOf } from "./words";

type Make = (options: ReceiveOptions) => Incoming;

const noteEvery = 2_000; // ms: how often progress is noted for a later tab

export class ReceiveModel {
  readonly transfer = signal<Incoming | undefined>(undefined);
  readonly problem = signal<Problem | undefined>(undefined);
  readonly saved = signal<Saved | undefined>(undefined);
  readonly disk = signal<PageDisk | undefined>(undefined);
  /** Which files are wanted, where there are several. */
  readonly choice = signal<Choice | undefined>(undefined);
  /** Counts what the transfer has told. */
  readonly turn = signal(0);
  readonly busy = signal(false);
  /** The person wanted no more of it. */
  readonly stopped = signal(false);
  /** The one that was tried last. */
  passphrase = "";
  #mark = ""; // of the offer that is chosen from
  #note?: Unfinished;
  #noted = 0;
  #free?: () => void;
  #sleep?: () => void;
  #finishing = false;

  constructor(
    readonly make: Make,
    readonly name: string,
    readonly from: ReceiveOptions["from"],
  ) {}

  /** Takes the link or code. */
  async start(passphrase = ""): Promise<void> {
    await this.#begin(passphrase, undefined);
  }

  /** Another try after it ended with a problem: with what was taken before, if anything was. */
  async again(): Promise<void> {
    const code = this.problem.value?.code;
    this.transfer.value?.leave();
    this.transfer.value = undefined;
    this.disk.value = undefined;
    // Where it did not fit, the person may choose another place.
    if (this.#note && (code === "disk" || code === "disk-full")) this.#note = { ...this.#note, name: undefined, folder: undefined };
    await this.#begin(this.#note?.passphrase ?? this.passphrase, this.#note?.seat);
  }

  /** Goes on where an earlier tab stopped. */
  async resume(before: Unfinished): Promise<void> {
    if (before.folder && !(await mayWrite(before.folder))) {
      this.problem.value = { code: "disk", message: "The browser may not write to that folder any more. Press “Go on” again and allow it." };
      return;
    }
    this.#note = before;
    await this.#begin(before.passphrase ?? "", before.seat);
  }

  async #begin(passphrase: string, seat: Seat | undefined): Promise<void> {
    this.problem.value = undefined;
    this.passphrase = passphrase;
    if (seat && !(await this.#holds(seat.id))) return;
    this.busy.value = true;
    const same = this.transfer.value;
    const transfer = same ?? this.make({ from: this.from, name: this.name, ...(seat && { seat }) });
    if (!same) {
      transfer.on("change", () => this.#changed());
      transfer.on("seat", (taken) => void this.#took(taken, passphrase));
      this.transfer.value = transfer;
    }
    if (this.#note) this.#note = { ...this.#note, ...(passphrase && { passphrase }) };
    try {
      await transfer.start(passphrase || undefined);
    } catch (e) {
      this.problem.value = problemOf(e);
    } finally {
      this.busy.value = false;
    }
    this.#changed();
  }

  async #holds(id: string): Promise<boolean> {
    this.#free ??= await hold(id);
    if (this.#free) return true;
    this.problem.value = { code: "disk", message: "Another tab is receiving this already. Go on there, or close that tab." };
    return false;
  }

  async #took(seat: Seat, passphrase: string): Promise<void> {
    const key = "key" in this.from ? this.from.key : seat.key;
    this.#note = { verified: 0, total: 0, ...this.#note, id: seat.id, key, seat, ...(passphrase && { passphrase }), at: Date.now() };
    if ("code" in this.from) history.replaceState(null, "", `/t/${seat.id}#${key}`); // the code leads nowhere any more
    await noteUnfinished(this.#note);
    await this.#holds(seat.id);
  }

  /** Says yes to the offer. A folder is where it goes, if one was chosen. */
  async accept(folder?: FileSystemDirectoryHandle): Promise<void> {
    const transfer = this.transfer.value;
    const offer = transfer?.offer;
    if (!transfer || !offer) return;
    this.problem.value = undefined;
    this.busy.value = true;
    try {
      if (offer.kind === "text") return await transfer.accept();
      const skip = this.choice.value?.skip() ?? [];
      this.disk.value ??= await chooseDisk(offer, folder, skip);
      const { lasts } = this.disk.value;
      const total = this.choice.value?.chosenBytes ?? offer.bytes;
      if (this.#note) this.#note = { ...this.#note, name: offer.name, kind: offer.kind, total, skip, mark: offerMark(offer), ...(folder && { folder }) };
      if (lasts) await this.#write();
      await transfer.accept(this.disk.value, skip);
    } catch (e) {
      this.problem.value = problemOf(e);
      this.disk.value = undefined; // another may do
    } finally {
      this.busy.value = false;
    }
  }

  #changed(): void {
    this.turn.value++;
    const t = this.transfer.value;
    if (!t) return;
    if (t.error) this.problem.value = t.error;
    if (t.state === "offered" && !this.busy.value) this.#answer();
    if (t.state === "receiving") {
      this.#sleep ??= keepAwake();
      if (Date.now() - this.#noted > noteEvery) void this.#write();
    }
    if (t.state === "complete" && !this.#finishing) {
      this.#finishing = true;
      void this.#finish();
    }
    if (t.state === "ended") this.#rest();
  }

  /** A text is shown without a question, and what was accepted in another tab is not asked for again. */
  #answer(): void {
    const offer = this.transfer.value?.offer;
    if (!offer) return;
    if (offer.kind === "text") return void this.accept();
    const before = this.#note?.mark === undefined || this.#note.mark === offerMark(offer);
    this.#prepare(offer, before);
    if (this.#note?.name !== undefined && before && !this.disk.value) void this.accept(this.#note.folder);
  }

  /** There is something to choose among; `before`: in another tab it was chosen. */
  #prepare(offer: Offer, before: boolean): void {
    const mark = offerMark(offer);
    if (mark === this.#mark) return; // another connection, another try
    this.#mark = mark;
    this.choice.value = undefined;
    if (offer.entries.length < 2) return;
    const choice = new Choice(offer.entries);
    if (before && this.#note?.skip) choice.adopt(this.#note.skip);
    this.choice.value = choice;
  }

  async #write(): Promise<void> {
    const t = this.transfer.value;
    if (!this.#note || !t || this.disk.value?.lasts === false) return;
    this.#noted = Date.now();
    this.#note = { ...this.#note, verified: t.verified, total: t.total || this.#note.total, at: Date.now() };
    await noteUnfinished(this.#note);
  }

  /** Everything is there: it goes to the downloads, where it is not where it belongs already. */
  async #finish(): Promise<void> {
    this.#rest();
    const { id } = this.#note ?? {};
    if (id) await closeUnfinished(id);
    const saved = this.disk.value?.saved();
    this.saved.value = saved;
    try {
      await saved?.save?.();
    } catch (e) {
      this.problem.value = problemOf(e);
    }
  }

  /** The person wants no more of it, and nothing of it is kept. */
  async cancel(): Promise<void> {
    this.stopped.value = true;
    this.transfer.value?.cancel();
    this.#rest();
    await this.disk.value?.close(true);
    if (this.#note) await forgetUnfinished(this.#note.id);
  }

  #rest(): void {
    this.#sleep?.();
    this.#sleep = undefined;
  }

  /** The page shows something else. */
  close(): void {
    this.#rest();
    this.#free?.();
    const state = this.transfer.value?.state;
    if (state !== "complete" && state !== "ended") this.transfer.value?.leave();
    if (!this.saved.value) void this.disk.value?.close();
  }

  /** Who takes the link by a code may read it at its own address from now on. */
  get taken(): Unfinished | undefined {
    return this.#note;
  }
}
