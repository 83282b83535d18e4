// A room as a graph: its people around the server, what flows each way by width, how well by colour.
import { useComputed, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { LinkView, RoomView } from "./adminlive";
import { around, curve, health, pathWords, thickness, type Point } from "./adminwords";
import { ms, percent, rate } from "./doctorwords";
import { initials } from "./tiles";

interface Props {
  view: RoomView;
  chosen: string;
  onchoose: (link: string) => void;
}

const manyPeople = 14; // more are drawn smaller, and labelled when chosen

export function Graph({ view, chosen, onchoose }: Props) {
  const narrow = useNarrow();
  const size = narrow ? { x: 420, y: 460 } : { x: 960, y: 430 };
  const centre = { x: size.x / 2, y: size.y / 2 };
  const many = view.links.length > manyPeople;
  const radius = many ? 15 : narrow ? 24 : 28;
  const places = around(view.links.length, size.x, size.y, narrow ? { x: 66, y: 80 } : { x: 150, y: 84 });
  return (
    <svg class="graph" viewBox={`0 0 ${size.x} ${size.y}`} role="group" aria-label={`Room ${view.room.room}: ${view.links.length} links to the server`}>
      {view.links.map((l, i) => {
        const p = places[i];
        return p && <Edges key={l.detail.link} link={l} at={p} centre={centre} radius={radius} labels={!many && !narrow} />;
      })}
      <g class="graph-server">
        <rect x={centre.x - 44} y={centre.y - 44} width="88" height="88" rx="24" />
        <path transform={`translate(${centre.x - 20} ${centre.y - 28}) scale(1.25)`} d="M4 8h7c6 0 4 12 10 12h7M4 20h7c6 0 4-12 10-12h7" />
        <text x={centre.x} y={centre.y + 28}>server</text>
      </g>
      {view.links.map((l, i) => {
        const p = places[i];
        return p && <Person key={l.detail.link} link={l} at={p} radius={radius} above={p.y < centre.y - 1} named={!many || l.detail.link === chosen} chosen={l.detail.link === chosen} onchoose={onchoose} />;
      })}
    </svg>
  );
}

/** Follows the page's width. */
function useNarrow(): boolean {
  const query = useComputed(() => window.matchMedia("(max-width: 700px)"));
  const narrow = useSignal(query.value.matches);
  useEffect(() => {
    const follow = () => (narrow.value = query.value.matches);
    query.value.addEventListener("change", follow);
    return () => query.value.removeEventListener("change", follow);
  }, []);
  return narrow.value;
}

function Edges({ link, at, centre, radius, labels }: { link: LinkView; at: Point; centre: Point; radius: number; labels: boolean }) {
  const up = curve(at, centre, 12, radius + 4, 52), down = curve(centre, at, 12, 52, radius + 4);
  return (
    <g>
      <Edge path={up.path} link={link} way="in" />
      <Edge path={down.path} link={link} way="out" />
      {labels && <RateLabel at={up.middle} centre={down.middle} text={rate(link.in.rate)} />}
      {labels && <RateLabel at={down.middle} centre={up.middle} text={rate(link.out.rate)} />}
    </g>
  );
}

function Edge({ path, link, way }: { path: string; link: LinkView; way: "in" | "out" }) {
  const flow = link[way];
  const state = health(flow, link.detail.rtt, link.detail.up);
  return (
    <g class={`graph-edge ${state}`} data-way={way}>
      <path class="graph-pipe" d={path} stroke-width={thickness(flow.rate)} />
      {flow.rate > 0 && <path class="graph-flow" d={path} stroke-width={Math.max(1, thickness(flow.rate) / 3)} />}
    </g>
  );
}

/** Stands outside of its edge, away from the other one. */
function RateLabel({ at, centre, text }: { at: Point; centre: Point; text: string }) {
  const length = Math.hypot(at.x - centre.x, at.y - centre.y) || 1;
  const away = { x: (at.x - centre.x) / length, y: (at.y - centre.y) / length };
  const side = away.x > 0.1 ? "start" : away.x < -0.1 ? "end" : "middle";
  return (
    <text class="graph-rate" x={at.x + away.x * 14} y={at.y + away.y * 16 + 4} text-anchor={side}>
      {text}
    </text>
  );
}

interface PersonProps {
  link: LinkView;
  at: Point;
  radius: number;
  /** The name stands above the circle, out of the way of the edges. */
  above: boolean;
  named: boolean;
  chosen: boolean;
  onchoose: (link: string) => void;
}

function Person({ link, at, radius, above, named, chosen, onchoose }: PersonProps) {
  const name = above ? at.y - radius - 26 : at.y + radius + 20;
  const choose = () => onchoose(link.detail.link);
  const state = [health(link.in, link.detail.rtt, link.detail.up), health(link.out, link.detail.rtt, link.detail.up)];
  const worst = state.includes("fail") ? "fail" : state.includes("warn") ? "warn" : state[0];
  const words = `${pathWords(link)}, sends ${rate(link.in.rate)}, receives ${rate(link.out.rate)}, round trip ${ms(link.detail.rtt)}, loss ${percent(Math.max(link.in.loss, link.out.loss))}`;
  return (
    <g
      class={`graph-person ${worst}`} role="button" tabindex={0} aria-label={named ? undefined : `${initials(link.name)} ${link.name}`} aria-description={words} aria-pressed={chosen} data-link={link.detail.link}
      onClick={choose}
      onKeyDown={(e) => {
        if (e.key !== "Enter" && e.key !== " ") return;
        e.preventDefault();
        choose();
      }}
    >
      <circle cx={at.x} cy={at.y} r={radius} />
      <text class="graph-initials" aria-hidden={named} x={at.x} y={at.y + radius * 0.22} font-size={radius * 0.62}>{initials(link.name)}</text>
      {named && <text class="graph-name" x={at.x} y={name}>{short(link.name)}</text>}
      {named && link.detail.up && (
        <text class="graph-note" x={at.x} y={name + 16}>{`${(link.detail.transport ?? "").toUpperCase()} · ${ms(link.detail.rtt)}`}</text>
      )}
    </g>
  );
}

const short = (name: string) => (name.length > 18 ? `${name.slice(0, 17)}…` : name);
