// BLAKE3's constants (its specification, §2).
export const hashSize = 32;
export const chunkSize = 1024;
export const blockSize = 64;

export const flag = { chunkStart: 1, chunkEnd: 2, parent: 4, root: 8 } as const;

export const iv = Int32Array.of(0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19);

/** For each of the seven rounds, which word of the message is used when. */
export const schedule: readonly (readonly number[])[] = makeSchedule();

function makeSchedule(): number[][] {
  const permutation = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8];
  const rounds = [permutation.map((_, i) => i)];
  while (rounds.length < 7) {
    const last = rounds[rounds.length - 1] ?? [];
    rounds.push(permutation.map((i) => last[i] ?? 0));
  }
  return rounds;
}
