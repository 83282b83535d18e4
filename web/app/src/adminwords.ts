// How the admin page says and rates what it shows.
import type { FindingState, StreamDetail } from "../../sdk/src/protocol";
import type { Flow, LinkView } from "./adminlive";

/** How well a way of a link does. */
export function health(flow: Flow, rtt: number, up: boolean): FindingState {
  if (!up) return "skip";
  if (flow.loss > 0.05 || rtt > 600) return "fail";
  if (flow.loss > 0.01 || rtt > 250) return "warn";
  return "ok";
}

/** How wide a way is drawn: by the square root, so that sound is seen next to pictures. */
export function thickness(rate: number): number {
  return Math.min(1.5 + 4.5 * Math.sqrt(rate / 1e6), 12);
}

export function pathWords(l: LinkView): string {
  if (!l.detail.up) return "connecting";
  return `${(l.detail.transport ?? "").toUpperCase()} ${l.detail.remote ?? ""}`.trim();
}

/** What a stream is: "VP8 1280×720", or "VP8 1280×720, backup" of a track that is sent in another codec, too. */
export function streamWords(s: StreamDetail): string {
  const size = s.width && s.height ? ` ${s.width}×${s.height}` : "";
  return `${s.codec || s.kind || "stream"}${size}${s.backup ? ", backup" : ""}`;
}

export function bytesWords(n: number): string {
  if (n < 1 << 30) return `${Math.round(n / (1 << 20))} MB`;
  return `${(n / (1 << 30)).toFixed(1)} GB`;
}

export function sinceWords(then: number, now: number): string {
  const s = Math.max(0, Math.floor((now - then) / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3600)} h`;
}

/** A point on the graph. */
export interface Point {
  x: number;
  y: number;
}

/** Where n people stand around the server: on an ellipse that reaches the margins, the first at the upper left. */
export function around(n: number, width: number, height: number, margin: Point): Point[] {
  const start = n % 2 === 0 ? -Math.PI / 2 - Math.PI / n : -Math.PI / 2;
  const circle = Array.from({ length: n }, (_, i) => {
    const angle = start + (2 * Math.PI * i) / n;
    return { x: Math.cos(angle), y: Math.sin(angle) };
  });
  const reach = (of: (p: Point) => number) => Math.max(...circle.map((p) => Math.abs(of(p))));
  const rx = (width / 2 - margin.x) / (reach((p) => p.x) > 0.1 ? reach((p) => p.x) : 1);
  const ry = (height / 2 - margin.y) / (reach((p) => p.y) > 0.1 ? reach((p) => p.y) : 1);
  return circle.map((p) => ({ x: width / 2 + rx * p.x, y: height / 2 + ry * p.y }));
}

/** A curve from a to b that bows to its left by `bow`, from the edge of one circle to that of the other. */
export function curve(a: Point, b: Point, bow: number, fromRadius: number, toRadius: number): { path: string; middle: Point } {
  const length = Math.hypot(b.x - a.x, b.y - a.y) || 1;
  const along = { x: (b.x - a.x) / length, y: (b.y - a.y) / length };
  const left = { x: along.y, y: -along.x };
  const shift = bow * 0.5;
  const from = { x: a.x + along.x * fromRadius + left.x * shift, y: a.y + along.y * fromRadius + left.y * shift };
  const to = { x: b.x - along.x * toRadius + left.x * shift, y: b.y - along.y * toRadius + left.y * shift };
  const bend = { x: (from.x + to.x) / 2 + left.x * bow, y: (from.y + to.y) / 2 + left.y * bow };
  const middle = { x: (from.x + to.x + 2 * bend.x) / 4, y: (from.y + to.y + 2 * bend.y) / 4 };
  const r = (v: number) => Math.round(v * 10) / 10;
  return { path: `M${r(from.x)} ${r(from.y)}Q${r(bend.x)} ${r(bend.y)} ${r(to.x)} ${r(to.y)}`, middle };
}
