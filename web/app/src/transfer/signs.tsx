// The pictures of the transfer pages: strokes of one weight, in the colour of the text.
const paths = {
  file: "M7.500 3.500H14l4.500 4.500v11a1.500 1.500 0 0 1-1.500 1.500H7.500A1.500 1.500 0 0 1 6 19V5a1.500 1.500 0 0 1 1.500-1.500ZM14 3.500V8h4.500",
  folder: "M5 5.500h4.500l2 2.500H19A1.500 1.500 0 0 1 20.500 9.500V17A1.500 1.500 0 0 1 19 18.500H5A1.500 1.500 0 0 1 3.500 17V7A1.500 1.500 0 0 1 5 5.500Z",
  text: "M5 6h14M5 10h14M5 14h14M5 18h8",
  drop: "M12 4v10m-4-4 4 4 4-4M5 15.500V18A1.500 1.500 0 0 0 6.500 19.500h11A1.500 1.500 0 0 0 19 18v-2.500",
  check: "M5 12.500l4.500 4.500L19 7.500",
  forget: "M6 6l12 12M18 6 6 18",
  right: "M9.500 6l6 6-6 6",
  warn: "M12 4.500 2.800 20h18.400L12 4.500Zm0 6v4.500m0 2.500v.01",
} as const;

export type TransferSign = keyof typeof paths;

export function Sign({ name, size = 22 }: { name: TransferSign; size?: number }) {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 24 24" fill="none" aria-hidden="true">
      <path d={paths[name]} stroke="currentColor" stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round" />
    </svg>
  );
}
