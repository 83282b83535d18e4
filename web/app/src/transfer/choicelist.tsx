// The files of an offer with a tick at each: only the lines in sight are there, so that thousands are as quick as ten.
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { Picture } from "../signs";
import { countWords, sizeWords } from "./amounts";
import { tickOf, type Choice, type Node, type Tick } from "./choice";

const lineHeight = 46; // px, as in transfer.css
const spare = 12; // lines above and below what is in sight
const inSight = 8;
const searchFrom = 20; // lines

export function ChoiceList({ choice }: { choice: Choice }) {
  choice.turn.value;
  const [search, setSearch] = useState("");
  const rows = choice.rows(search);
  const found = search.trim() !== "";
  const top = found ? rows : choice.roots;
  const flat = found || !choice.roots.some((n) => n.children.length > 0);
  const all = top.length === 0 ? "none" : tickOf(top);
  return (
    <fieldset class="choice">
      <legend class="unseen">Which files</legend>
      {choice.files > searchFrom && (
        <input type="search" class="choice-search" aria-label="Search among the files" placeholder="Search" value={search} onInput={(e) => setSearch(e.currentTarget.value)} />
      )}
      <div class="choice-head">
        <label class="choice-tick">
          <TickBox tick={all} onchange={() => choice.set(top, all !== "all")} />
          <span>{found ? "All that were found" : "Everything"}</span>
        </label>
        <span class="small quiet numbers" role="status">
          {chosenWords(choice)}
        </span>
      </div>
      {rows.length > 0 ? <Lines key={search} choice={choice} rows={rows} flat={flat} /> : <p class="small quiet">No file has that in its name.</p>}
    </fieldset>
  );
}

function chosenWords(choice: Choice): string {
  const { files, chosenFiles, chosenBytes } = choice;
  if (choice.none) return "Nothing chosen";
  if (chosenFiles === files) return `${countWords(files, "file")}, ${sizeWords(chosenBytes)}`;
  return `${chosenFiles.toLocaleString()} of ${countWords(files, "file")}, ${sizeWords(chosenBytes)}`;
}

/** A box that can be half ticked. */
function TickBox({ tick, label, tabIndex, onchange }: { tick: Tick; label?: string; tabIndex?: number; onchange: () => void }) {
  const box = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => {
    if (box.current) box.current.indeterminate = tick === "some";
  });
  const change = () => {
    onchange();
    if (box.current) box.current.checked = tick !== "all"; // the browser's own idea of a half ticked box differs
  };
  return <input ref={box} type="checkbox" checked={tick === "all"} aria-label={label} tabIndex={tabIndex} onChange={change} />;
}

/** The lines below each other. Arrow keys go from one to the next, and open and close folders. */
function Lines({ choice, rows, flat }: { choice: Choice; rows: readonly Node[]; flat: boolean }) {
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [at, setAt] = useState(0); // the line that Tab leads to
  const moved = useRef(false);
  const first = Math.max(0, Math.min(Math.floor(top / lineHeight), rows.length - inSight) - spare);
  const last = Math.min(rows.length, first + inSight + 2 * spare);
  const here = Math.min(at, rows.length - 1);
  useLayoutEffect(() => {
    if (!moved.current) return;
    moved.current = false;
    box.current?.querySelector<HTMLInputElement>(`[data-line="${here}"] input`)?.focus();
  });
  const go = (line: number) => {
    const to = Math.max(0, Math.min(rows.length - 1, line));
    if (to === here) return; // it has the focus
    moved.current = true;
    setAt(to);
    const b = box.current;
    if (!b) return;
    if (to * lineHeight < b.scrollTop) b.scrollTop = to * lineHeight;
    if ((to + 1) * lineHeight > b.scrollTop + b.clientHeight) b.scrollTop = (to + 1) * lineHeight - b.clientHeight;
    setTop(b.scrollTop);
  };
  const key = (e: KeyboardEvent) => {
    const to = lineAfter(e.key, here, rows, choice, flat);
    if (to === undefined) return;
    e.preventDefault();
    go(to);
  };
  return (
    <div ref={box} class="choice-lines" onScroll={(e) => setTop(e.currentTarget.scrollTop)} onKeyDown={key}>
      <ul style={{ paddingTop: `${first * lineHeight}px`, paddingBottom: `${(rows.length - last) * lineHeight}px` }}>
        {rows.slice(first, last).map((node, i) => (
          <Line
            key={node.entry}
            {...{ choice, node, flat, number: first + i, count: rows.length }}
            current={first + i === here || (i === 0 && (here < first || here >= last))}
            onfocus={() => setAt(first + i)}
          />
        ))}
      </ul>
    </div>
  );
}

/** Where a key leads from a line; undefined where it is none of ours. */
function lineAfter(key: string, line: number, rows: readonly Node[], choice: Choice, flat: boolean): number | undefined {
  const node = rows[line];
  switch (key) {
    case "ArrowDown":
      return line + 1;
    case "ArrowUp":
      return line - 1;
    case "Home":
      return 0;
    case "End":
      return rows.length - 1;
    case "ArrowRight":
      if (flat || !node || node.children.length === 0) return undefined;
      if (node.open) return line + 1;
      choice.toggle(node);
      return line;
    case "ArrowLeft":
      if (flat || !node) return undefined;
      if (!node.open) return node.parent && rows.indexOf(node.parent);
      choice.toggle(node);
      return line;
  }
  return undefined;
}

interface LineProps {
  choice: Choice;
  node: Node;
  flat: boolean;
  number: number;
  count: number;
  current: boolean;
  onfocus: () => void;
}

function Line({ choice, node, flat, number, count, current, onfocus }: LineProps) {
  const tick = tickOf([node]);
  const folder = node.children.length > 0;
  const size = folder ? `${countWords(node.files, "file")}, ${sizeWords(node.bytes)}` : node.folder ? "empty" : sizeWords(node.bytes);
  const name = flat ? node.path : node.name;
  return (
    <li data-line={number} aria-setsize={count} aria-posinset={number + 1} style={{ paddingLeft: `${flat ? 0 : Math.min(node.depth, 6) * 20}px` }} onFocusCapture={onfocus}>
      {folder && !flat ? (
        <button type="button" class="plain" tabIndex={-1} aria-expanded={node.open} aria-label={`What is in ${node.name}`} onClick={() => choice.toggle(node)}>
          <span class={node.open ? "turn open" : "turn"}>
            <Picture name="right" size={18} />
          </span>
        </button>
      ) : (
        <span class={flat ? "no-turn flat" : "no-turn"} />
      )}
      <label class="choice-tick">
        <TickBox tick={tick} label={`${name}, ${size}`} tabIndex={current ? 0 : -1} onchange={() => choice.set([node], tick !== "all")} />
        <Picture name={node.folder ? "folder" : "file"} size={20} />
        <span class="file-name" title={node.path}>
          {name}
        </span>
        <span class="small quiet">{size}</span>
      </label>
    </li>
  );
}
