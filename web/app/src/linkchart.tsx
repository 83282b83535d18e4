// A minute of one way of the link: bitrates above, times and losses below, and the numbers of now as a table
// that is its legend.
import { ms, percent, rate } from "./doctorwords";
import { samplesKept, type Way } from "./linkhistory";
import { axisEnd, line } from "./linkwords";

/** One line of a chart. */
export interface Series {
  name: string;
  field: keyof Way;
  /** Its look: a class of call.css. */
  look: "first" | "second" | "third";
}

interface Props {
  name: string;
  ways: readonly Way[];
  rates: readonly Series[];
  times: readonly Series[];
}

const width = 300; // of the drawing, which is stretched to the panel's
const leastRate = 100_000; // bit/s: an axis that ends lower would show noise
const leastTime = 50; // ms

export function LinkChart({ name, ways, rates, times }: Props) {
  const now = ways.at(-1) ?? {};
  const top = axisEnd(rates.flatMap((s) => ways.map((w) => w[s.field])), leastRate);
  const slow = axisEnd(times.flatMap((s) => ways.map((w) => w[s.field])), leastTime);
  return (
    <section class="link-chart" aria-label={name}>
      <h3>{name}</h3>
      <figure aria-hidden="true">
        <Plot height={72} ways={ways} series={rates} end={top} label={rate(top)} area />
        <Plot height={34} ways={ways} series={times} end={slow} label={`${slow} ms`} losses />
        <figcaption>
          <span>1 min ago</span>
          <span>now</span>
        </figcaption>
      </figure>
      <table>
        <caption class="unseen">{name} now</caption>
        <tbody>
          {rates.map((s) => (
            <Row key={s.field} series={s} words={said(now[s.field], rate)} />
          ))}
          {times.map((s) => (
            <Row key={s.field} series={s} words={said(now[s.field], ms)} />
          ))}
          <tr>
            <th scope="row">
              <i class="link-key loss" aria-hidden="true" />
              Loss
            </th>
            <td>{said(now.loss, percent)}</td>
          </tr>
        </tbody>
      </table>
    </section>
  );
}

function Row({ series, words }: { series: Series; words: string }) {
  return (
    <tr>
      <th scope="row">
        <i class={`link-key ${series.look}`} aria-hidden="true" />
        {series.name}
      </th>
      <td>{words}</td>
    </tr>
  );
}

function said(value: number | undefined, words: (value: number) => string): string {
  return value === undefined ? "–" : words(value);
}

interface PlotProps {
  height: number;
  ways: readonly Way[];
  series: readonly Series[];
  end: number;
  label: string;
  /** What is below the first line is filled. */
  area?: boolean;
  /** Losses are drawn as bars from above: a tenth fills the height. */
  losses?: boolean;
}

function Plot({ height, ways, series, end, label, area = false, losses = false }: PlotProps) {
  const path = (s: Series) => line(ways.map((w) => w[s.field]), samplesKept, end, width, height);
  const step = width / (samplesKept - 1);
  return (
    <div class="link-plot">
      <span class="link-axis">{label}</span>
      <svg viewBox={`0 0 ${width} ${height}`} height={height} preserveAspectRatio="none">
        <path class="link-grid" d={`M0 .5H${width}M0 ${height / 2}H${width}M0 ${height - 0.5}H${width}`} />
        {losses &&
          ways.map((w, i) => {
            const tall = Math.min(1, (w.loss ?? 0) * 10) * height;
            return tall > 0 && <rect key={i} class="link-loss" x={width - (ways.length - i) * step} y={0} width={step} height={Math.max(1.5, tall)} />;
          })}
        {series.map((s, i) => (
          <path key={s.field} class={`link-line ${s.look}`} d={path(s)} data-first={area && i === 0} />
        ))}
      </svg>
    </div>
  );
}
