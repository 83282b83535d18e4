// One picture of lines, in the colour of the text.
export function Strokes({ d, size, width }: { d: string; size: number; width: number }) {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 24 24" fill="none" aria-hidden="true">
      <path d={d} stroke="currentColor" stroke-width={width} stroke-linecap="round" stroke-linejoin="round" />
    </svg>
  );
}
