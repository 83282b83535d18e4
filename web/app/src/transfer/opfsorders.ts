// What the page and its storage worker say to each other.

export type Task =
  | { do: "open"; file: number; folder: string[]; name: string } /* answered by its size */
  | { do: "read"; file: number; at: number; length: number } /* answered by the bytes */
  | { do: "write"; file: number; at: number; bytes: Uint8Array }
  | { do: "finish"; file: number; size: number; sum: boolean } /* answered by its CRC-32 */
  | { do: "close"; file: number };

export type Order = Task & { n: number };

export type Answer = { n: number; value?: unknown; error?: { name: string; message: string } };
