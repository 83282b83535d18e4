// What the page and its storage worker say to each other.

export type Task =
  | { do: "open"; file: number; folder: string[]; name: string; sum: boolean } /* answered by its size */
  | { do: "read"; file: number; at: number; length: number } /* answered by the bytes */
  | { do: "write"; file: number; at: number; bytes: Uint8Array<ArrayBuffer> } /* answered by the bytes, whose memory is used again */
  | { do: "finish"; file: number; size: number } /* answered by its CRC-32, where `open` asked for it */
  | { do: "close"; file: number };

export type Order = Task & { n: number };

export type Answer = { n: number; value?: unknown; error?: { name: string; message: string } };
