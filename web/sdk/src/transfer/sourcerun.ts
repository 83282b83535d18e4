// One connection of a sender: offer, entries, what the receiver has; then pieces, as far as its window reaches.
import { hashSize, rootOf } from "./blake3";
import { sameBytes, utf8, type Bytes } from "./bytes";
import { Conversation } from "./conversation";
import type { Lane, Way } from "./lane";
import { maxMessage } from "./lane";
import { dataHeader, endMessage, maxEnds, parseMessage, pieceMessage, putDataHeader, sameMessage, type Control, type End, type Message, type Range, type Wanted } from "./messages";
import { Outbox } from "./outbox";
import { broken, TransferError } from "./problem";
import { pieceSize, type Source } from "./source";

const ahead = 8 << 20; // bytes that are read before they can be sent
const aheadFiles = 64;
const mostData = maxMessage - dataHeader;
const endsBytes = 1 << 20; // that were sent before the ends of their files are told
const entriesSize = 48_000; // bytes of JSON in one message, about
const settleTime = 5_000; // ms that the receiver may take to say goodbye

/** What a run tells: how the receiver is doing. */
export interface SourcePeer {
  accepted(total: number): void;
  verified(bytes: number): void;
}

/** A piece that is being read. */
interface Job {
  entry: number;
  piece: number;
  length: number;
  read: Promise<{ bytes?: Bytes; hash: Uint8Array }>;
}

export class SourceRun extends Conversation {
  #lane: Lane | undefined;
  #have = new Map<number, Map<number, Uint8Array>>();
  #skips: Range[] = []; // told before the receiver accepts
  #wanted: number[] = []; // files, in order
  #missing = new Map<number, Uint8Array | undefined>(); // files that are not got yet, with their roots once they are told
  #window = 0;
  #sent = 0;
  #taken = 0;
  #again: [number, number][] = [];
  #ends: End[] = [];
  #endsBytes = 0;
  #same: [number, number, number] | undefined; // a run of pieces that the receiver has
  #accepted = false;
  #complete = false; // everything was got
  #bye = false;
  #wake: () => void = () => {}; // of who waits for news

  constructor(
    readonly source: Source,
    way: Way,
    readonly peer: SourcePeer,
  ) {
    super(way);
    void this.#main();
  }

  protected override ended(): void {
    this.#wake();
  }

  async #main(): Promise<void> {
    try {
      const lane = (this.#lane = await this.way.open());
      this.out = new Outbox(lane);
      await this.#list();
      for (let m = await lane.receive(); m && !this.over; m = await lane.receive()) {
        const message = parseMessage(m);
        if (!message) throw broken(`a message of kind ${m[0]} and ${m.length} bytes`);
        this.#take(message);
        this.#wake();
      }
      this.settle(this.#complete);
    } catch (e) {
      if (e instanceof TransferError) this.fail(e);
      else this.settle(false); // the way broke while it was opened
    }
  }

  async #list(): Promise<void> {
    await this.say(this.source.offer);
    const { entries } = this.source;
    let from = 0;
    let size = 0;
    for (let i = 0; i <= entries.length; i++) {
      const length = i < entries.length ? utf8(JSON.stringify(entries[i])).length + 1 : 0;
      if (i > from && (i === entries.length || size + length > entriesSize)) {
        await this.say({ type: "entries", from, entries: entries.slice(from, i) });
        [from, size] = [i, 0];
      }
      size += length;
    }
    await this.say({ type: "offered" });
  }

  // ---- what the receiver says ----

  #take(m: Message): void {
    switch (m.kind) {
      case "control":
        return this.#control(m.control);
      case "have":
        return this.#has(m.entry, m.first, m.hashes);
      case "progress":
        if (m.taken > this.#sent || m.taken < this.#taken) throw broken("more taken than was sent");
        this.#taken = m.taken;
        return this.peer.verified(m.verified);
      case "again":
        if (!this.#missing.has(m.entry) || m.piece >= this.source.pieces(m.entry) || this.#again.length > 1000) throw broken("a wish for a piece that is not", m.entry);
        this.#again.push([m.entry, m.piece]);
        return;
      case "got":
        for (const { entry, root } of m.gots) this.#got(entry, root);
        return;
    }
    throw broken(`“${m.kind}” from a receiver`);
  }

  #control(c: Control): void {
    switch (c.type) {
      case "skip":
        this.#skips.push(...c.skip);
        if (this.#accepted || this.#skips.length > this.source.entries.length) throw broken("a choice that cannot be");
        return;
      case "accept":
        return this.#accept(c.window, [...this.#skips, ...(c.skip ?? [])], c.wanted);
      case "bye":
        this.#bye = true;
        return;
      case "cancel":
        return this.refuse(new TransferError(c.later ? "later" : "cancelled", c.reason ?? ""));
      case "error":
        return this.refuse(new TransferError("failed", c.text, c.entry));
    }
    throw broken(`“${c.type}” from a receiver`);
  }

  #has(entry: number, first: number, hashes: Bytes): void {
    const count = hashes.length / hashSize;
    if (this.#accepted || this.source.entries[entry]?.k || first + count > this.source.pieces(entry)) throw broken("a part of a file that is not", entry);
    let known = this.#have.get(entry);
    if (!known) this.#have.set(entry, (known = new Map()));
    const copy = hashes.slice();
    for (let i = 0; i < count; i++) known.set(first + i, copy.subarray(i * hashSize, (i + 1) * hashSize));
  }

  #accept(window: number, skip: readonly Range[], wanted: Wanted | undefined): void {
    const { files, bytes } = this.source.offer;
    if (wanted && (wanted.files > files || wanted.bytes > bytes)) throw broken("more than there is");
    if (this.#accepted || window < 262_144) throw broken("an answer that was given, or a window that is too small");
    this.#accepted = true;
    this.#window = window;
    const skipped = new Set<number>();
    const { entries } = this.source;
    let next = 0; // they ascend, so that each is looked at once
    for (const [first, count] of skip) {
      if (first < next || first + count > entries.length) throw broken("entries that are not");
      for (next = first; next < first + count; next++) skipped.add(next);
    }
    this.#wanted = entries.flatMap((e, i) => (e.k || skipped.has(i) ? [] : [i]));
    for (const i of this.#wanted) this.#missing.set(i, undefined);
    this.peer.accepted(wanted?.bytes ?? bytes);
    this.#pump().catch((e: unknown) => {
      if (this.over) return;
      // A lane that cannot be written is broken, which the reading side tells.
      if (e instanceof TransferError) this.fail(e);
      else this.settle(false);
    });
  }

  #got(entry: number, root: Bytes): void {
    if (!this.#missing.has(entry)) throw broken("thanks for a file that was not sent", entry);
    const own = this.#missing.get(entry);
    if (!own || !sameBytes(own, root)) throw new TransferError("bad-file", `What the receiver has of “${this.source.entries[entry]?.p}” is not what was sent.`, entry);
    this.#missing.delete(entry);
  }

  // ---- sending ----

  async #pump(): Promise<void> {
    const jobs = this.#jobs();
    const reading: Job[] = [];
    let bytes = 0;
    for (;;) {
      for (let next; bytes < ahead && reading.length < aheadFiles && (next = jobs.next()) && !next.done; ) {
        next.value.read.catch(() => {}); // it is told when it is its turn
        reading.push(next.value);
        bytes += next.value.length;
      }
      const job = reading.shift();
      if (this.over || !job) break;
      bytes -= job.length;
      await this.#repeat();
      await this.#send(job);
    }
    await this.#flush();
    await this.#finish();
  }

  /** What there is to send, piece by piece; reading begins with each. */
  *#jobs(): Generator<Job> {
    for (const entry of this.#wanted) {
      const size = this.source.entries[entry]?.s ?? 0;
      const pieces = this.source.pieces(entry);
      for (let piece = 0; piece < Math.max(1, pieces); piece++) {
        const length = Math.min(pieceSize, size - piece * pieceSize);
        yield { entry, piece, length, read: this.#read(entry, piece) };
      }
    }
  }

  async #read(entry: number, piece: number): Promise<{ bytes?: Bytes; hash: Uint8Array }> {
    const known = this.source.hashOf(entry, piece);
    const theirs = this.#have.get(entry)?.get(piece);
    if (known && theirs && sameBytes(known, theirs)) return { hash: known };
    if (this.source.pieces(entry) === 0) return { hash: this.source.hasher.root(new Uint8Array(0)) };
    return this.source.read(entry, piece);
  }

  async #send({ entry, piece, read }: Job): Promise<void> {
    const { bytes, hash } = await read;
    if (this.over) return;
    const pieces = this.source.pieces(entry);
    const theirs = this.#have.get(entry)?.get(piece);
    if (theirs && sameBytes(theirs, hash)) await this.#isSame(entry, piece);
    else if (bytes && pieces > 0) await this.#data(entry, piece, bytes, pieces > 1 ? hash : undefined);
    if (piece < pieces - 1) return;
    const size = this.source.entries[entry]?.s ?? 0;
    const root = pieces > 1 ? rootOf(this.source.hashesOf(entry)) : hash.slice();
    this.#missing.set(entry, root);
    this.#have.delete(entry);
    this.#ends.push({ entry, size, root });
    if (this.#ends.length === maxEnds || this.#endsBytes >= endsBytes) await this.#flush();
  }

  async #isSame(entry: number, piece: number): Promise<void> {
    const run = this.#same;
    if (run && run[0] === entry && run[1] + run[2] === piece) run[2]++;
    else {
      await this.#flushSame();
      this.#same = [entry, piece, 1];
    }
  }

  async #data(entry: number, piece: number, bytes: Bytes, hash: Uint8Array | undefined): Promise<void> {
    await this.#flushSame();
    const parts = Math.ceil(bytes.length / mostData);
    const part = Math.ceil(bytes.length / parts);
    const m = new Uint8Array(dataHeader + part);
    for (let at = 0; at < bytes.length; at += part) {
      const n = Math.min(part, bytes.length - at);
      await this.#room(n);
      if (this.over) return;
      putDataHeader(m, entry, piece * pieceSize + at);
      m.set(bytes.subarray(at, at + n), dataHeader);
      this.#sent += n;
      this.#endsBytes += n;
      await this.#lane?.send(m.subarray(0, dataHeader + n));
    }
    if (hash) await this.out?.post(pieceMessage(entry, piece, hash));
  }

  /** Sends again what came wrong, before anything new. */
  async #repeat(): Promise<void> {
    for (let next = this.#again.shift(); next && !this.over; next = this.#again.shift()) {
      const [entry, piece] = next;
      const { bytes, hash } = await this.source.read(entry, piece);
      await this.#data(entry, piece, bytes, this.source.pieces(entry) > 1 ? hash : undefined);
    }
  }

  /** Waits until so many bytes more fit into the receiver's window. */
  async #room(n: number): Promise<void> {
    while (!this.over && this.#sent - this.#taken + n > this.#window && this.#sent > this.#taken) {
      await this.#flushEnds(); // the receiver may wait for them
      if (this.#sent - this.#taken + n > this.#window) await this.#news();
    }
  }

  async #finish(): Promise<void> {
    while (!this.over && this.#missing.size > 0) {
      await this.#repeat();
      if (this.#missing.size > 0 && this.#again.length === 0) await this.#news();
    }
    if (this.over) return;
    this.#complete = true;
    await this.say({ type: "done" });
    const limit = setTimeout(() => this.settle(true), settleTime);
    while (!this.over && !this.#bye) await this.#news();
    clearTimeout(limit);
    this.settle(true);
  }

  #news(): Promise<void> {
    if (this.over) return Promise.resolve();
    return new Promise((resolve) => (this.#wake = resolve));
  }

  async #flush(): Promise<void> {
    await this.#flushSame();
    await this.#flushEnds();
  }

  async #flushSame(): Promise<void> {
    const run = this.#same;
    this.#same = undefined;
    if (run) await this.out?.post(sameMessage(...run));
  }

  async #flushEnds(): Promise<void> {
    const ends = this.#ends;
    if (ends.length === 0) return;
    await this.#flushSame();
    this.#ends = [];
    this.#endsBytes = 0;
    await this.out?.post(endMessage(ends));
  }
}
