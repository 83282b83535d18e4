// A disk that is a download from the first byte on: for what the browser's storage cannot hold. A service worker answers a request
// of ours with what we pass to it, and the browser writes that to disk. Nothing of it can be read again, so a closed tab ends it.
import type { DiskFile, Entry } from "../../../sdk/src/transfer/disk";
import { crc32 } from "./crc";
import { DiskError, isSingle, keptOf, type PageDisk, type Saved } from "./disks";
import { saveName } from "./names";
import { readyWorker } from "./worker";
import { ZipWriter, zipSize } from "./zip";

/** Memory that was passed on before, to be used again. */
type Back = Uint8Array<ArrayBuffer> | void;

const pingEvery = 5_000; // ms: browsers end a service worker that hears nothing for 30 s

export class StreamDisk implements PageDisk {
  readonly kind = "stream";
  readonly ordered = true;
  readonly lasts = false;
  #entries: readonly Entry[] = [];
  #zip?: ZipWriter;
  #pipe?: Pipe;
  #open = new Map<string, StreamFile>();

  constructor(
    readonly name: string,
    /** Numbers of entries that are not wanted: the length of an archive is told before it begins. */
    readonly skip: readonly number[] = [],
  ) {}

  /** On a second connection it goes on: what was passed on is kept in mind. */
  async prepare(entries: readonly Entry[]): Promise<void> {
    if (this.#pipe) return;
    this.#entries = keptOf(entries, this.skip);
    const single = isSingle(this.#entries, this.skip.length > 0);
    this.#zip = single ? undefined : new ZipWriter();
    const size = single ? this.#entries[0]?.s ?? 0 : zipSize(this.#entries);
    const name = single ? saveName(this.#entries[0]?.p ?? "") : `${saveName(this.name)}.zip`;
    this.#pipe = await Pipe.open(name, size);
  }

  async folder(entry: Entry): Promise<void> {
    if (!this.#zip || this.#open.has(entry.p)) return;
    this.#open.set(entry.p, new StreamFile(entry, async () => {}, undefined));
    await this.#pass(this.#zip.before(entry, 0));
    await this.#pass(this.#zip.after(0, true));
  }

  async file(entry: Entry): Promise<DiskFile> {
    const known = this.#open.get(entry.p);
    if (known) return known;
    const zip = this.#zip;
    const file = new StreamFile(entry, (bytes) => this.#pass(bytes), zip && ((crc) => this.#pass(zip.after(crc, false))));
    this.#open.set(entry.p, file);
    if (zip) await this.#pass(zip.before(entry));
    return file;
  }

  async finish(): Promise<void> {
    for (const part of this.#zip?.end() ?? []) await this.#pass(part);
    await this.#pipe?.end();
  }

  async close(forget = false): Promise<void> {
    if (forget) this.#pipe?.abort();
  }

  saved(): Saved {
    return { where: "among your downloads", files: [] };
  }

  async #pass(bytes: Uint8Array<ArrayBuffer>): Promise<Back> {
    if (bytes.length > 0) return this.#pipe?.write(bytes);
  }
}

/** What went into the stream cannot be read again, only gone on with. */
class StreamFile implements DiskFile {
  readonly kept = 0;
  #at = 0;
  #crc = 0;
  #finished = false;

  constructor(
    readonly entry: Entry,
    readonly pass: (bytes: Uint8Array<ArrayBuffer>) => Promise<Back>,
    /** Takes the CRC-32, which only an archive needs. */
    readonly end: ((crc: number) => Promise<unknown>) | undefined,
  ) {}

  async read(): Promise<Uint8Array<ArrayBuffer>> {
    return new Uint8Array(0);
  }

  async write(at: number, bytes: Uint8Array<ArrayBuffer>): Promise<Back> {
    if (at + bytes.length <= this.#at) return; // it came once more after a break
    if (at > this.#at) throw new DiskError("disk", "The data did not come in order. Try again, or choose a folder to save to.");
    const whole = at === this.#at && bytes.length === bytes.buffer.byteLength;
    const fresh = whole ? bytes : bytes.slice(this.#at - at); // its memory goes to the service worker
    this.#at += fresh.length;
    if (this.end) this.#crc = crc32(fresh, this.#crc);
    return this.pass(fresh);
  }

  async finish(): Promise<void> {
    if (this.#finished) return;
    this.#finished = true;
    if (this.#at !== (this.entry.s ?? 0)) throw new DiskError("disk", "The download is not whole. Try again.");
    await this.end?.(this.#crc);
  }

  async close(): Promise<void> {}
}

/** Pipe passes bytes to the service worker, one chunk for each that the download has taken. */
class Pipe {
  #more = 0;
  #back?: Uint8Array<ArrayBuffer>;
  #wake?: () => void;
  #error?: DiskError;
  #ping?: ReturnType<typeof setInterval>;

  private constructor(
    readonly port: MessagePort,
    readonly frame: HTMLIFrameElement,
    worker: ServiceWorker,
  ) {
    this.#ping = setInterval(() => worker.postMessage("ping"), pingEvery);
    port.onmessage = ({ data }) => {
      if (data === "more") this.#more++;
      else if (data instanceof Uint8Array) this.#took(data as Uint8Array<ArrayBuffer>);
      else if (data === "cancelled") this.#fail(new DiskError("disk", "The download was cancelled in the browser."));
      this.#wake?.();
    };
  }

  static async open(name: string, size: number): Promise<Pipe> {
    const worker = await readyWorker();
    if (!worker) throw new DiskError("disk", "This browser cannot write so much to disk as it comes. Use another one, or receive with the command line.");
    const { port1, port2 } = new MessageChannel();
    const stream = crypto.randomUUID();
    const ready = new Promise<void>((resolve) => (port1.onmessage = () => resolve()));
    worker.postMessage({ stream, name, size }, [port2]);
    await ready;
    const frame = document.createElement("iframe");
    frame.hidden = true;
    frame.title = "Download";
    frame.src = `/send/stream/${stream}/${encodeURIComponent(name)}`;
    document.body.append(frame);
    return new Pipe(port1, frame, worker);
  }

  async write(bytes: Uint8Array<ArrayBuffer>): Promise<Back> {
    await this.#turn();
    this.port.postMessage(bytes, [bytes.buffer]);
    const back = this.#back;
    this.#back = undefined;
    return back;
  }

  async end(): Promise<void> {
    await this.#turn();
    this.port.postMessage("end");
    this.#stop();
  }

  abort(): void {
    this.port.postMessage("abort");
    this.#fail(new DiskError("disk", "The download was closed."));
  }

  async #turn(): Promise<void> {
    while (this.#more === 0 && !this.#error) await new Promise<void>((resolve) => (this.#wake = resolve));
    if (this.#error) throw this.#error;
    this.#more--;
  }

  /** There is room for another chunk, and this one was used up. */
  #took(back: Uint8Array<ArrayBuffer>): void {
    this.#more++;
    this.#back = back;
  }

  #fail(e: DiskError): void {
    this.#error = e;
    this.#stop();
    this.#wake?.();
  }

  #stop(): void {
    clearInterval(this.#ping);
    setTimeout(() => this.frame.remove(), 10_000); // not while its download may still be taking the last bytes
  }
}
