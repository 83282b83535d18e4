// The tiles, filling the space: a grid of people, or a screen with the people beside it.
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Call } from "./call";
import { Tile } from "./tile";
import { fitTiles, makeTiles, screenRatio, type Size, type TileModel } from "./tiles";

const gap = 10; // px, as in app.css
const narrow = 700; // px: below it is a phone

export function Stage({ call }: { call: Call }) {
  const [ref, space] = useSize<HTMLDivElement>();
  const limit = space.width < narrow ? 8 : 24;
  const { tiles, hidden } = makeTiles(call.participants.value, { you: call.room.you, spoke: call.spoke.value, limit });
  const screens = tiles.filter((t) => t.screen);
  const people = tiles.filter((t) => !t.screen);
  return (
    <main class={screens.length > 0 ? "stage with-screen" : "stage"} ref={ref} aria-label="Participants">
      {screens.length > 0 && <Grid call={call} tiles={screens} />}
      <Grid call={call} tiles={people} strip={screens.length > 0} />
      {hidden > 0 && <p class="more">and {hidden} more</p>}
    </main>
  );
}

function Grid({ call, tiles, strip = false }: { call: Call; tiles: TileModel[]; strip?: boolean }) {
  const [ref, space] = useSize<HTMLDivElement>();
  const size = strip ? undefined : fitTiles(tiles.length, space, gap, tiles[0]?.screen ? screenRatio : undefined);
  return (
    <div class={strip ? "strip" : "grid"} ref={ref}>
      {tiles.map((model) => (
        <div class="place" key={model.key} style={size && { width: `${size.width}px`, height: `${size.height}px` }}>
          <Tile call={call} model={model} />
        </div>
      ))}
    </div>
  );
}

function useSize<E extends HTMLElement>() {
  const ref = useRef<E>(null);
  const [size, setSize] = useState<Size>({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const element = ref.current;
    if (!element) return undefined;
    const measure = () => setSize({ width: element.clientWidth, height: element.clientHeight });
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    measure();
    return () => observer.disconnect();
  }, []);
  return [ref, size] as const;
}
