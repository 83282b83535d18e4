// One connection of a receiver: offer, entries, have, accept; then pieces, checked as they come, until the sender says done.
import { hashSize } from "./blake3";
import { sameBytes, type Bytes } from "./bytes";
import { Conversation } from "./conversation";
import { drain } from "./drain";
import type { IncomingFile } from "./files";
import type { Lane, Way } from "./lane";
import { againMessage, gotMessage, haveMessage, maxGots, maxHave, maxRanges, parseMessage, progressMessage, type Control, type End, type Message } from "./messages";
import { Manifest } from "./names";
import { Outbox } from "./outbox";
import { asProblem, broken, TransferError } from "./problem";
import type { Sink } from "./sink";
import { canInflate, inflate } from "./packing";

export const receiveWindow = 16 << 20; // bytes: a second of a fast wire; three copies of them are a tab’s memory at the worst
const progressEvery = 200; // ms
const maxTries = 3; // that a piece may be wrong
const settleTime = 10_000; // ms that the other end may take to say the last word

/** A piece that is on its way in, on one lane. */
interface Assembly {
  file: IncomingFile;
  piece: number;
  bytes: Bytes;
  filled: number;
  packed: boolean;
}

export class SinkRun extends Conversation {
  #manifest: Manifest | undefined;
  #accepted = false;
  #received = 0; // bytes of data on this connection
  #told = 0; // of them, that the sender knows as taken
  #toldVerified = -1;
  #under = new Map<string, Lane>(); // pieces under way, and on which lane
  #gots: { entry: number; root: Bytes }[] = [];
  #timer: ReturnType<typeof setInterval> | undefined;
  #doneSaid = false;

  constructor(
    readonly sink: Sink,
    way: Way,
  ) {
    super(way);
    void this.#main();
  }

  /** The disk took something. */
  took(): void {
    if (this.#taken - this.#told >= receiveWindow / 4) this.#report();
  }

  finished(file: IncomingFile): void {
    if (!this.#accepted || !file.root) return;
    this.#gots.push({ entry: file.number, root: file.root });
    if (this.#gots.length === 1) queueMicrotask(() => this.#sendGots());
    if (this.#gots.length === maxGots) this.#sendGots();
  }

  /** All is there: the sender has a while to say so, too. */
  completed(): void {
    this.#report();
    if (this.#doneSaid) return void this.#bye();
    setTimeout(() => this.settle(true), settleTime);
  }

  // ---- the lanes ----

  async #main(): Promise<void> {
    try {
      const lane = await this.way.accept();
      if (!lane) return this.#broke();
      this.out = new Outbox(lane);
      await this.#read(lane, true);
      this.#broke();
    } catch (e) {
      this.fail(asProblem(e));
    }
  }

  async #others(): Promise<void> {
    for (let lane = await this.way.accept(); lane && !this.over; lane = await this.way.accept()) {
      // A lane that ends does so with its way, or because the sender needs it no more.
      this.#read(lane, false).catch((e: unknown) => this.fail(asProblem(e)));
    }
  }

  async #read(lane: Lane, first: boolean): Promise<void> {
    const reader = new LaneReader(lane, this);
    for (let m = await lane.receive(); m && !this.over; m = await lane.receive()) {
      const message = parseMessage(m);
      if (!message) throw broken(`a message of kind ${m[0]} and ${m.length} bytes`);
      if (reader.take(message)) {
        drain(m); // its data was copied
        continue;
      }
      if (!first) throw broken(`“${message.kind}” on a lane for data`);
      await this.#take(message);
    }
  }

  #broke(): void {
    this.settle(false); // also where all is here: the sender may not know
  }

  protected override ended(): void {
    clearInterval(this.#timer);
    for (const file of this.sink.files.values()) file.unproven = undefined; // comes again
  }

  // ---- what the sender says ----

  async #take(message: Message): Promise<void> {
    switch (message.kind) {
      case "control":
        return this.#control(message.control);
      case "same":
        return this.#same(message.entry, message.first, message.count);
      case "end":
        for (const end of message.ends) this.#ended(end);
        return;
    }
    throw broken(`“${message.kind}” from a sender`);
  }

  async #control(c: Control): Promise<void> {
    switch (c.type) {
      case "offer":
        if (this.#manifest || c.id !== this.sink.id) throw broken("an offer of another transfer");
        this.#manifest = new Manifest(c);
        return;
      case "entries":
        if (!this.#manifest || c.from !== this.#manifest.entries.length) throw broken("entries out of order");
        for (const e of c.entries) this.#manifest.add(e);
        return;
      case "offered":
        return this.#offered();
      case "done":
        return this.#done();
      case "cancel":
        return this.refuse(new TransferError("cancelled", c.reason ?? ""));
      case "error":
        return this.refuse(new TransferError("failed", c.text, c.entry));
    }
    throw broken(`“${c.type}” from a sender`);
  }

  /** The list is whole. While the person decides, the lane is read on: the sender may give up. */
  #offered(): void {
    const manifest = this.#manifest;
    if (!manifest || this.#accepted) throw broken("an offer without its beginning");
    manifest.finish();
    this.#accept(manifest).catch((e: unknown) => this.fail(asProblem(e)));
  }

  async #accept(manifest: Manifest): Promise<void> {
    await this.sink.agree(manifest);
    if (this.over) return;
    for (const file of this.sink.files.values()) {
      file.root = undefined;
      if (file.done || file.proven) continue;
      for (const [first, count] of file.knownRuns(maxHave)) await this.out?.post(haveMessage(file.number, first, file.hashes(first, count)));
    }
    this.#accepted = true;
    void this.#others();
    this.#timer = setInterval(() => this.#tick(), progressEvery);
    const packs = manifest.offer.packs?.includes("deflate-raw") && canInflate();
    const skip = this.sink.skips(manifest);
    if (skip.length > maxRanges && !manifest.offer.knows?.includes("skip")) {
      throw new TransferError("failed", "The sender’s program is too old for so scattered a choice. Choose whole folders, or everything.");
    }
    while (skip.length > maxRanges) await this.say({ type: "skip", skip: skip.splice(0, maxRanges) });
    const { ordered, wanted } = this.sink;
    const wishes = { ...(packs && { pack: "deflate-raw" }), ...(ordered && { ordered }), ...(skip.length > 0 && { skip }), ...(wanted && { wanted }) };
    await this.say({ type: "accept", window: receiveWindow, ...wishes });
  }

  async #done(): Promise<void> {
    this.#doneSaid = true;
    if (this.sink.complete) return this.#bye();
    if (!this.sink.proven) throw broken("an end before everything was there");
  }

  async #bye(): Promise<void> {
    await this.say({ type: "bye" });
    this.settle(true);
  }

  #same(entry: number, first: number, count: number): void {
    const file = this.wanted(entry);
    if (first + count > file.pieces) throw broken("pieces beyond the end of a file", entry);
    for (let piece = first; piece < first + count; piece++) {
      const bytes = file.same(piece);
      if (bytes === undefined) throw broken("a piece that is not here", entry);
      this.sink.verified += bytes;
    }
    this.sink.owner.changed();
    this.#settle(file);
  }

  #ended({ entry, size, root }: End): void {
    const file = this.wanted(entry);
    if (size !== file.size) throw new TransferError("changed", `“${file.entry.p}” changed its size while it was sent.`, entry);
    if (file.root) throw broken("two ends of one file", entry);
    file.root = root.slice();
    if (file.unproven) {
      const bytes = file.unproven;
      file.unproven = undefined;
      this.verify(file, 0, bytes, file.root);
    }
    this.#settle(file);
  }

  // ---- pieces ----

  wanted(entry: number): IncomingFile {
    const file = this.sink.files.get(entry);
    if (!this.#accepted || !file || file.done || file.proven) throw broken("data that was not asked for", entry);
    return file;
  }

  /** Data of a piece begins on a lane. */
  begin(file: IncomingFile, piece: number, lane: Lane): void {
    const key = `${file.number}:${piece}`;
    if (piece >= file.pieces || file.has(piece) || this.#under.has(key)) throw broken("a piece that is there or under way", file.number);
    this.#under.set(key, lane);
  }

  received(n: number): void {
    this.#received += n;
    if (this.#received - this.#taken > receiveWindow + (64 << 10)) throw broken("more than the window allows");
    this.took();
  }

  /** All data of a piece is there; of a file of one piece without a hash. */
  assembled(a: Assembly, hash: Bytes | undefined): void {
    const { file, piece } = a;
    if (!a.packed) return this.#check(file, piece, a.bytes, hash);
    inflate(a.bytes, file.lengthOf(piece))
      .then((bytes) => {
        if (!this.over) this.#check(file, piece, bytes, hash);
      })
      .catch((e: unknown) => this.fail(asProblem(e)));
  }

  #check(file: IncomingFile, piece: number, bytes: Bytes | undefined, hash: Bytes | undefined): void {
    const expected = hash ?? file.root;
    if (!bytes) return this.#again(file, piece); // it could not be unpacked
    if (expected) return this.verify(file, piece, bytes, expected);
    file.unproven = bytes;
  }

  /** Compares a piece with what it should be, and keeps it. */
  verify(file: IncomingFile, piece: number, bytes: Bytes, expected: Uint8Array): void {
    const { hasher } = this.sink;
    const hash = file.pieces === 1 ? hasher.root(bytes) : hasher.piece(bytes, (piece * file.pieceSize) / 1024);
    if (!sameBytes(hash, expected)) return this.#again(file, piece);
    this.#under.delete(`${file.number}:${piece}`);
    this.sink.verified += file.take(piece, hash);
    this.sink.keeper?.put(file, piece, bytes);
    if ((this.sink.keeper?.held ?? 0) > receiveWindow) throw broken("pieces too far ahead of others");
    this.sink.owner.changed();
    this.#settle(file);
  }

  #again(file: IncomingFile, piece: number): void {
    this.#under.delete(`${file.number}:${piece}`);
    const tries = (file.wrong.get(piece) ?? 0) + 1;
    file.wrong.set(piece, tries);
    if (tries > maxTries) throw new TransferError("bad-file", `“${file.entry.p}” comes damaged again and again. Send it anew.`, file.number);
    void this.out?.post(againMessage(file.number, piece));
  }

  /** Ends a file of which everything is there. */
  #settle(file: IncomingFile): void {
    if (!file.root || file.proven || !file.whole) return;
    if (!file.proves(file.root, this.sink.hasher.root(new Uint8Array(0)))) {
      throw new TransferError("bad-file", `“${file.entry.p}” is not what the sender promised. Send it anew.`, file.number);
    }
    this.sink.keeper?.finish(file);
  }

  // ---- what we say ----

  /** Bytes that came and do not wait for the disk. */
  get #taken(): number {
    return Math.max(this.#told, this.#received - (this.sink.keeper?.waiting ?? 0));
  }

  #tick(): void {
    if (this.#taken !== this.#told || this.sink.verified !== this.#toldVerified) this.#report();
  }

  #report(): void {
    if (!this.#accepted || this.over) return;
    this.#told = this.#taken;
    this.#toldVerified = this.sink.verified;
    void this.out?.post(progressMessage(this.#told, this.#toldVerified));
  }

  #sendGots(): void {
    if (this.#gots.length === 0 || this.over) return;
    void this.out?.post(gotMessage(this.#gots));
    this.#gots = [];
  }
}

/** Puts the pieces of one lane together: they come one after the other. */
class LaneReader {
  #piece: Assembly | undefined;

  constructor(
    readonly lane: Lane,
    readonly run: SinkRun,
  ) {}

  /** Whether the message was one of a piece. */
  take(m: Message): boolean {
    if (m.kind === "data") {
      const file = this.run.wanted(m.entry);
      const piece = Math.floor(m.offset / file.pieceSize);
      this.#add(file, piece, false, file.lengthOf(piece), m.offset - piece * file.pieceSize, m.bytes);
    } else if (m.kind === "packed") {
      const file = this.run.wanted(m.entry);
      if (m.size > file.lengthOf(m.piece)) throw broken("a packed piece that is larger than it was", m.entry);
      this.#add(file, m.piece, true, m.size, m.offset, m.bytes);
    } else if (m.kind === "piece") {
      this.#close(m.entry, m.piece, m.hash);
    } else {
      return false;
    }
    return true;
  }

  #add(file: IncomingFile, piece: number, packed: boolean, size: number, offset: number, bytes: Bytes): void {
    if (!this.#piece) {
      this.run.begin(file, piece, this.lane);
      this.#piece = { file, piece, bytes: this.run.sink.shelf.take(size), filled: 0, packed };
    }
    const a = this.#piece;
    const fits = a.file === file && a.piece === piece && a.packed === packed && a.bytes.length === size;
    if (!fits || offset !== a.filled || offset + bytes.length > size) throw broken("data out of order", file.number);
    a.bytes.set(bytes, offset);
    a.filled += bytes.length;
    this.run.received(bytes.length);
    if (file.pieces === 1 && a.filled === size) {
      this.#piece = undefined;
      this.run.assembled(a, undefined);
    }
  }

  #close(entry: number, piece: number, hash: Bytes): void {
    const a = this.#piece;
    if (!a || a.file.number !== entry || a.piece !== piece || a.filled !== a.bytes.length || hash.length !== hashSize) throw broken("a piece without its data", entry);
    this.#piece = undefined;
    this.run.assembled(a, hash.slice());
  }
}
