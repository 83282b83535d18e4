// How our connection does: a minute of both ways as charts, and what each picture gets.
import { useEffect, useRef, useState } from "preact/hooks";
import type { LinkStats } from "../../sdk/src/index";
import { nameOf, type Call } from "./call";
import { LinkChart, type Series } from "./linkchart";
import { keep, Sampler, type Sample } from "./linkhistory";
import { encodingWords, layerName, limitWords, slotWords } from "./linkwords";
import { Panel } from "./panel";

const every = 1_000; // ms
const staleAfter = 3_500; // ms: what the server said before is not how it is now

const receivingRates: Series[] = [
  { name: "Received", field: "rate", look: "first" },
  { name: "Server’s estimate", field: "estimate", look: "second" },
  { name: "Server’s target", field: "target", look: "third" },
];
const receivingTimes: Series[] = [
  { name: "Round trip", field: "rtt", look: "first" },
  { name: "Queue", field: "queue", look: "second" },
];
const sendingRates: Series[] = [
  { name: "Sent", field: "rate", look: "first" },
  { name: "Browser’s estimate", field: "estimate", look: "second" },
  { name: "Encoders’ target", field: "target", look: "third" },
];
const sendingTimes: Series[] = [{ name: "Round trip", field: "rtt", look: "first" }];

export function LinkPanel({ call }: { call: Call }) {
  const samples = useSamples(call);
  const now = samples.at(-1);
  const held = limitWords(now?.server?.limit ?? "");
  return (
    <Panel name="Connection" class="link-panel" onclose={() => call.view.toggleConnection()}>
      <div class="link-body" tabIndex={0} role="group" aria-label="How your connection does">
        <LinkChart name="Receiving" ways={samples.map((s) => s.receiving)} rates={receivingRates} times={receivingTimes} />
        {held && <p class="link-held">{held}</p>}
        {now && <Pictures call={call} now={now} />}
        <LinkChart name="Sending" ways={samples.map((s) => s.sending)} rates={sendingRates} times={sendingTimes} />
        {now && <Encodings call={call} now={now} />}
      </div>
    </Panel>
  );
}

/** Samples the link as long as the panel is there. */
function useSamples(call: Call): Sample[] {
  const [samples, setSamples] = useState<Sample[]>([]);
  const told = useRef<{ stats: LinkStats; at: number } | undefined>(undefined);
  useEffect(() => {
    const { room } = call;
    const sampler = new Sampler();
    let over = false;
    const take = async () => {
      const stats = await room.getStats()?.catch(() => undefined);
      if (over || !stats) return;
      const at = performance.now();
      const server = told.current && at - told.current.at < staleAfter ? told.current.stats : undefined;
      const next = sampler.sample(at, stats.values() as Iterable<{ type: string }>, server);
      setSamples((before) => keep(before, next));
    };
    const off = room.on("link-stats", (stats) => (told.current = { stats, at: performance.now() }));
    room.watchLink(true);
    void take();
    const timer = setInterval(() => void take(), every);
    return () => {
      over = true;
      clearInterval(timer);
      room.watchLink(false);
      off();
    };
  }, [call]);
  return samples;
}

/** What each picture gets, in the words of the table of tiles. */
function Pictures({ call, now }: { call: Call; now: Sample }) {
  const videos = (now.server?.slots ?? []).filter((s) => s.kind === "video");
  if (videos.length === 0) return null;
  return (
    <section aria-label="Pictures">
      <h3>Pictures</h3>
      <ul class="link-list">
        {videos.map((slot) => {
          const track = call.room.track(slot.track);
          const name = nameOf(call.room.participant(track?.participant ?? ""));
          return (
            <li key={slot.mid} data-track={slot.track} data-paused={slot.paused}>
              <b>{track?.source === "screen" ? `${name}’s screen` : name}</b>
              <span>{slotWords(slot, track, now.arriving.get(slot.mid))}</span>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

/** Which layers of our videos the browser encodes. */
function Encodings({ call, now }: { call: Call; now: Sample }) {
  const videos = call.room.localTracks.filter((t) => t.kind === "video" && t.info);
  const shown = videos.flatMap((t) => {
    const name = t.source === "screen" ? "Your screen" : "Your camera";
    const ways = [{ mid: t.position?.transceiver.mid ?? "", name }, ...t.backups.map((b) => ({ mid: b.mid, name: `${name} in ${b.codec}` }))];
    return ways.flatMap(({ mid, name }) => {
      const encodings = now.encodings.filter((e) => e.mid === mid);
      return encodings.map((e) => ({ ...e, name, several: encodings.length > 1, muted: t.muted }));
    });
  });
  if (shown.length === 0) return null;
  return (
    <section aria-label="Your pictures">
      <h3>Your pictures</h3>
      <ul class="link-list">
        {shown.map((e) => (
          <li key={e.id} data-rid={e.rid} data-active={e.active}>
            <b>
              {e.name}
              {e.several && e.rid && `, ${layerName(e.rid)}`}
            </b>
            <span>{e.muted ? "Off." : encodingWords(e)}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
