// The tiles, filling the space: a grid in pages, or what is featured with the others beside it.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Alone } from "./alone";
import type { Call } from "./call";
import { Icon } from "./icons";
import { Tile } from "./tile";
import { arrange, deskRatio, fitTiles, makeTiles, paginate, screenRatio, tallest, tilesPerPage, type Size, type TileModel } from "./tiles";

const gap = 10; // px, as in call.css
const least = { width: 168, height: 94 }; // px of a tile: below it faces cannot be told apart
const leastNarrow = { width: 150, height: 118 };

interface StageProps {
  call: Call;
  /** Something lies over it. */
  inert: boolean;
  /** Nothing is drawn, and nothing asked for. */
  hidden: boolean;
}

export function Stage({ call, inert, hidden }: StageProps) {
  const { view } = call;
  const tiles = makeTiles(call.participants.value, call.room.you);
  const { featured, rest, corner } = arrange(tiles, {
    layout: view.layout.value,
    pinned: view.pinned.value,
    speaker: call.speaker.value,
  });
  const alone = call.participants.value.length < 2;
  const classes = ["stage", featured.length > 0 && rest.length > 0 && "with-strip"];
  return (
    <main class={classes.filter(Boolean).join(" ")} aria-label="Participants" inert={inert} hidden={hidden}>
      {featured.length > 0 && <Grid call={call} tiles={featured} featured />}
      {featured.length > 0 && rest.length > 0 && <Strip call={call} tiles={rest} />}
      {featured.length === 0 && <Pages call={call} tiles={rest} />}
      {corner && (
        <div class="corner" data-tile={corner.key}>
          <Tile call={call} model={corner} size={{ width: 208, height: 117 }} />
        </div>
      )}
      {alone && <Alone call={call} />}
    </main>
  );
}

/** Equal tiles. What does not fit is on further pages, and asks for nothing there. */
function Pages({ call, tiles }: { call: Call; tiles: TileModel[] }) {
  const [ref, space] = useSize<HTMLDivElement>();
  const { view } = call;
  const phone = view.narrow.value;
  const narrowest = phone ? tallest : deskRatio;
  const pages = paginate(tiles, tilesPerPage(space, gap, phone ? leastNarrow : least, narrowest), call.spoke.value);
  const at = Math.min(view.page.value, pages.length - 1);
  useEffect(() => void (view.pages.value = pages.length), [pages.length]);
  const shown = space.width > 0 ? (pages[at] ?? []) : [];
  const count = pages.length > 1 ? Math.max(...pages.map((p) => p.length)) : shown.length;
  return (
    <div class="pages">
      <div class="measure" ref={ref}>
        <Tiles call={call} tiles={shown} size={fitTiles(count, space, gap, narrowest)} />
      </div>
      {pages.length > 1 && <Pager call={call} at={at} pages={pages.length} />}
    </div>
  );
}

function Pager({ call, at, pages }: { call: Call; at: number; pages: number }) {
  const turn = (by: number) => call.view.turnPage(by);
  return (
    <nav class="pager" aria-label="Pages of participants">
      <button type="button" class="tool" aria-label="Previous page" disabled={at === 0} onClick={() => turn(-1)}>
        <Icon name="left" size={18} />
      </button>
      <span role="status">
        {at + 1} / {pages}
      </span>
      <button type="button" class="tool" aria-label="Next page" disabled={at === pages - 1} onClick={() => turn(1)}>
        <Icon name="right" size={18} />
      </button>
    </nav>
  );
}

function Grid({ call, tiles, featured }: { call: Call; tiles: TileModel[]; featured?: boolean }) {
  const [ref, space] = useSize<HTMLDivElement>();
  const cut = call.view.narrow.value ? tallest : deskRatio;
  const size = fitTiles(tiles.length, space, gap, tiles.some((t) => t.screen) ? screenRatio : cut);
  return (
    <div class="measure" ref={ref}>
      <Tiles call={call} tiles={tiles} size={size} featured={featured} />
    </div>
  );
}

function Tiles({ call, tiles, size, featured }: { call: Call; tiles: TileModel[]; size: Size; featured?: boolean }) {
  return (
    <div class="grid">
      {tiles.map((model) => (
        <div class="place" key={model.key} data-tile={model.key} style={{ width: `${size.width}px`, height: `${size.height}px` }}>
          <Tile call={call} model={model} size={size} featured={featured} />
        </div>
      ))}
    </div>
  );
}

/** Who is not featured: it scrolls, and what is scrolled away asks for nothing. */
function Strip({ call, tiles }: { call: Call; tiles: TileModel[] }) {
  return (
    <div class="strip" tabIndex={0} role="group" aria-label="Other participants">
      {tiles.map((model) => (
        <div class="place" key={model.key} data-tile={model.key}>
          <Tile call={call} model={model} size={{ width: 200, height: 112 }} />
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
