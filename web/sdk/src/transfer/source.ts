// The sending end of a transfer: what there is to send, for as many receivers as there are. One connection is sourcerun.ts.
import { hashSize, type Hasher } from "./blake3";
import { sameBytes, utf8, type Bytes } from "./bytes";
import type { Entry } from "./disk";
import type { OfferMessage } from "./messages";
import { pathFault } from "./names";
import { TransferError } from "./problem";
import type { SendItem } from "./shape";

export const pieceSize = 1 << 20;

/** What is known of one file's pieces: hashed once for all receivers. */
class Hashes {
  #hashes: Uint8Array;
  #known: Uint8Array;

  constructor(pieces: number) {
    this.#hashes = new Uint8Array(pieces * hashSize);
    this.#known = new Uint8Array(pieces);
  }

  get(piece: number): Uint8Array | undefined {
    return this.#known[piece] ? this.#hashes.subarray(piece * hashSize, (piece + 1) * hashSize) : undefined;
  }

  set(piece: number, hash: Uint8Array): void {
    this.#hashes.set(hash, piece * hashSize);
    this.#known[piece] = 1;
  }

  get all(): Uint8Array {
    return this.#hashes;
  }
}

export class Source {
  readonly offer: OfferMessage;
  readonly entries: Entry[] = [];
  #blobs = new Map<number, Blob>();
  #hashes = new Map<number, Hashes>();

  constructor(
    id: string,
    what: { items: readonly SendItem[] } | { text: string },
    readonly hasher: Hasher,
  ) {
    const text = "text" in what;
    const items: readonly SendItem[] = text ? [{ path: "message.txt", file: new Blob([utf8(what.text)]) }] : what.items;
    this.#list(items);
    const files = this.entries.filter((e) => !e.k);
    const bytes = files.reduce((sum, e) => sum + (e.s ?? 0), 0);
    const kind = text ? "text" : "files";
    this.offer = { type: "offer", id, name: nameOf(this.entries), kind, entries: this.entries.length, files: files.length, bytes, piece: pieceSize, knows: ["skip"] };
  }

  pieces(entry: number): number {
    return Math.ceil((this.entries[entry]?.s ?? 0) / pieceSize);
  }

  /** Reads a piece and hashes it. */
  async read(entry: number, piece: number): Promise<{ bytes: Bytes; hash: Uint8Array }> {
    const blob = this.#blobs.get(entry);
    const size = this.entries[entry]?.s ?? 0;
    const from = piece * pieceSize;
    const to = Math.min(size, from + pieceSize);
    let bytes: Bytes;
    try {
      bytes = new Uint8Array(await (blob as Blob).slice(from, to).arrayBuffer());
    } catch {
      throw this.#changed(entry);
    }
    if (bytes.length !== to - from) throw this.#changed(entry);
    const hash = size <= pieceSize ? this.hasher.root(bytes) : this.hasher.piece(bytes, from / 1024);
    const hashes = this.#hashesOf(entry);
    const before = hashes.get(piece);
    if (before && !sameBytes(before, hash)) throw this.#changed(entry);
    hashes.set(piece, hash);
    return { bytes, hash };
  }

  /** A piece's hash, if it was read before. */
  hashOf(entry: number, piece: number): Uint8Array | undefined {
    return this.#hashes.get(entry)?.get(piece);
  }

  /** The hashes of all pieces, when all were read. */
  hashesOf(entry: number): Uint8Array {
    return this.#hashesOf(entry).all;
  }

  #hashesOf(entry: number): Hashes {
    let hashes = this.#hashes.get(entry);
    if (!hashes) this.#hashes.set(entry, (hashes = new Hashes(this.pieces(entry))));
    return hashes;
  }

  #changed(entry: number): TransferError {
    return new TransferError("changed", `“${this.entries[entry]?.p}” was changed, moved or deleted while it was sent. Send it anew.`, entry);
  }

  /** Lists the items, each behind the folders that it is in. */
  #list(items: readonly SendItem[]): void {
    const folders = new Set<string>();
    const add = (entry: Entry) => {
      const fault = pathFault(entry.p);
      if (fault) throw new TransferError("bad-offer", `“${entry.p}” cannot be sent, as it ${fault}. Give it another name.`);
      this.entries.push(entry);
    };
    const folder = (path: string, modified?: number) => {
      if (path === "" || folders.has(path)) return;
      folder(path.slice(0, Math.max(0, path.lastIndexOf("/"))));
      folders.add(path);
      add({ p: path, k: "d", ...(modified && { t: modified }) });
    };
    for (const item of items) {
      if (!("file" in item)) {
        folder(item.path, item.modified);
        continue;
      }
      folder(item.path.slice(0, Math.max(0, item.path.lastIndexOf("/"))));
      const time = item.modified ?? (item.file instanceof File ? item.file.lastModified : undefined);
      this.#blobs.set(this.entries.length, item.file);
      add({ p: item.path, ...(item.file.size > 0 && { s: item.file.size }), ...(time && { t: time }) });
    }
  }
}

/** What the whole is called: the one thing that it is, or the first of several. */
function nameOf(entries: readonly Entry[]): string {
  const top = entries.filter((e) => !e.p.includes("/"));
  const first = top[0]?.p ?? "";
  return top.length > 1 ? `${first} and ${top.length - 1} more` : first;
}
