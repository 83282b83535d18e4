// Where received files go. The receiver writes through this; an application brings one that suits its browser.

/** One entry of an offer, as docs/transfer.md names its fields: `p` path, `k` kind (absent: a file; d folder, l link with `to`),
 * `s` size in bytes, `m` permission bits, `t` time in ms since 1970. */
export interface Entry {
  p: string;
  k?: "d" | "l";
  s?: number;
  m?: number;
  t?: number;
  to?: string;
}

/** Disk keeps the files of one transfer. The paths it gets were checked already (docs/transfer.md, Names). */
export interface Disk {
  /** It takes the files one after the other, as they are in the offer, and the bytes of each from the first to the last. Else files may be open
   * at once and bytes come in any order. */
  readonly ordered: boolean;
  /** Nothing was kept here by an earlier try: no file is asked for what it has. */
  readonly fresh?: boolean;
  /** Before anything else, on each connection: what is coming. Throws an error with the code `disk-full` where it does not fit. */
  prepare(entries: readonly Entry[]): Promise<void>;
  /** Makes a folder. */
  folder(entry: Entry): Promise<void>;
  /** Opens a file to write; one that is there in part keeps its bytes. */
  file(entry: Entry): Promise<DiskFile>;
  /** Every file has its name: the transfer is complete. */
  finish(): Promise<void>;
  /** No more of it is coming for now: what is there is kept for a later try, or with `forget` thrown away. */
  close(forget?: boolean): Promise<void>;
}

/** DiskFile is one open file. Only verified bytes are written, so what it has is right or was there before. */
export interface DiskFile {
  /** Bytes from the beginning that an earlier try (or an earlier copy) left here; 0 on a disk that cannot tell. They are hashed before they count. */
  readonly kept: number;
  /** Reads what was kept; may give fewer bytes than asked for, none at its end. */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  /** Resolves when there is room for more: the bytes may be used anew then. They are the whole of their memory, so
   * that a disk may hand that to a worker, and give back by this what the worker has read. */
  write(offset: number, bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer> | void>;
  /** All of it is there and verified: it is cut to its size and gets its name. Resolves when it is on disk. */
  finish(): Promise<void>;
  /** Closes it without a name, to be gone on with later. */
  close(): Promise<void>;
}
