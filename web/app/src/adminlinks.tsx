// The links of a room as a table, and one of them in detail.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Participant, StreamDetail } from "../../sdk/src/protocol";
import type { Admin, Flow, LinkView, RoomView } from "./adminlive";
import { pathWords, streamWords } from "./adminwords";
import { ms, percent, rate } from "./doctorwords";

export function LinkTable({ view, chosen, onchoose }: { view: RoomView; chosen: string; onchoose: (link: string) => void }) {
  return (
    <div class="admin-scroll" tabindex={0} role="region" aria-label="Links as a table">
      <table class="admin-table">
        <caption class="unseen">The links of room {view.room.room}</caption>
        <thead>
          <tr>
            <th scope="col">Who</th>
            <th scope="col">Path</th>
            <th scope="col">Round trip</th>
            <th scope="col">Sends</th>
            <th scope="col">Receives</th>
            <th scope="col">Loss</th>
          </tr>
        </thead>
        <tbody>
          {view.links.map((l) => (
            <tr key={l.detail.link} class={l.detail.link === chosen ? "chosen" : ""} data-link={l.detail.link}>
              <th scope="row">
                <button type="button" class="admin-name" aria-pressed={l.detail.link === chosen} onClick={() => onchoose(l.detail.link)}>
                  {l.name}
                </button>
              </th>
              <td>{pathWords(l)}</td>
              <td>{l.detail.rtt ? ms(l.detail.rtt) : "–"}</td>
              <td><Rate flow={l.in} /></td>
              <td><Rate flow={l.out} /></td>
              <td>{percent(Math.max(l.in.loss, l.out.loss))}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Rate({ flow }: { flow: Flow }) {
  return (
    <span class="admin-rate">
      <Sparkline values={flow.history} />
      {rate(flow.rate)}
    </span>
  );
}

/** The last minute; decoration, as the number stands next to it. */
function Sparkline({ values }: { values: readonly number[] }) {
  const most = Math.max(...values, 1), width = 72, height = 22;
  const points = values.map((v, i) => `${(width - (values.length - 1 - i) * (width / 59)).toFixed(1)},${(height - 2 - (v / most) * (height - 4)).toFixed(1)}`);
  return (
    <svg class="sparkline" width={width} height={height} viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
      {points.length > 1 && <polyline points={points.join(" ")} />}
    </svg>
  );
}

export function LinkPanel({ admin, view, link }: { admin: Admin; view: RoomView; link: LinkView }) {
  const person = view.room.participants.find((p) => p.id === link.participant);
  return (
    <section class="admin-card link-panel" aria-label={`Link of ${link.name}`}>
      <header>
        <h2>{link.name}</h2>
        <p class="quiet small">
          {pathWords(link)} · link {link.detail.link}
          {person?.role ? ` · ${person.role}` : ""}
        </p>
      </header>
      <h3>Sends</h3>
      <Streams streams={link.detail.in.filter((s) => s.track && s.packets > 0)} person={person} empty="Nothing is sent." />
      <h3>Receives</h3>
      <Received view={view} streams={link.detail.out.filter((s) => s.track)} />
      {link.participant && <Moderation key={link.participant} admin={admin} room={link.room} participant={link.participant} name={link.name} />}
      <Tap key={link.detail.link} admin={admin} link={link.detail.link} />
    </section>
  );
}

function Streams({ streams, person, empty }: { streams: readonly StreamDetail[]; person: Participant | undefined; empty: string }) {
  if (!streams.length) return <p class="quiet small">{empty}</p>;
  return (
    <ul class="streams">
      {streams.map((s) => {
        const track = person?.tracks.find((t) => t.id === s.track);
        return (
          <li key={s.mid}>
            <span>{track?.source ?? s.kind}</span>
            <span class="quiet">
              {streamWords(s)}
              {track?.muted ? ", muted" : ""}
            </span>
          </li>
        );
      })}
    </ul>
  );
}

function Received({ view, streams }: { view: RoomView; streams: readonly StreamDetail[] }) {
  if (!streams.length) return <p class="quiet small">Nothing is received.</p>;
  const tracks = new Map(view.room.participants.flatMap((p) => p.tracks.map((t) => [t.id, { t, who: p.name || p.id }] as const)));
  return (
    <ul class="streams">
      {streams.map((s) => {
        const from = tracks.get(s.track ?? "");
        return (
          <li key={s.mid}>
            <span>{from ? `${from.t.source} of ${from.who}` : s.track}</span>
            <span class="quiet">{s.pause ? `paused: ${s.pause}` : s.codec || from?.t.codec}</span>
          </li>
        );
      })}
    </ul>
  );
}

/** Removing asks once more, by the same button. */
function Moderation({ admin, room, participant, name }: { admin: Admin; room: string; participant: string; name: string }) {
  const said = useSignal(""), sure = useSignal(false);
  const act = async (what: () => Promise<void>, done: string) => {
    sure.value = false;
    said.value = await what().then(() => done, (err: unknown) => (err instanceof Error ? err.message : "It did not work. Try again."));
  };
  return (
    <div class="tap">
      <h3>In the room</h3>
      <div class="tap-buttons">
        <button type="button" class="secondary" onClick={() => void act(() => admin.mute(room, participant), "Muted.")}>
          Mute
        </button>
        <button
          type="button" class="secondary"
          onClick={() => (sure.value ? void act(() => admin.remove(room, participant), "Removed.") : (sure.value = true))}
          onBlur={() => (sure.value = false)}
        >
          {sure.value ? `Remove ${name}?` : "Remove"}
        </button>
      </div>
      <p class="small quiet" role="status">{said.value}</p>
    </div>
  );
}

const tapSeconds = 10;
const logLines = 200; // kept of the event log

/** What is tapped now, what is said of it, and the events that came. */
function useTap(admin: Admin, link: string) {
  const busy = useSignal(""), said = useSignal(""), lines = useSignal<readonly string[]>([]);
  const stop = useRef<AbortController>(null);
  useEffect(() => () => stop.current?.abort(), []);
  const run = async (what: "packets" | "events", read: (r: Response) => Promise<void>) => {
    const control = (stop.current = new AbortController());
    busy.value = what;
    said.value = "";
    try {
      await read(await admin.tap(link, what, what === "packets" ? tapSeconds : 600, control.signal));
    } catch (err) {
      if (!control.signal.aborted) said.value = err instanceof Error ? err.message : "It did not work. Try again.";
    }
    busy.value = "";
  };
  const download = () => run("packets", async (r) => {
    said.value = `Recording for ${tapSeconds} seconds …`;
    save(await r.blob(), `${link}.rtpdump`);
    said.value = "Saved. Wireshark and rtptools read it; it holds headers only.";
  });
  const watch = () => run("events", async (r) => {
    lines.value = [];
    const reader = r.body?.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (let part = await reader?.read(); reader && part && !part.done; part = await reader.read()) {
      const all = (rest + part.value).split("\n");
      rest = all.pop() ?? "";
      lines.value = [...lines.value, ...all].slice(-logLines);
    }
  });
  return { busy, said, lines, download, watch, end: () => stop.current?.abort() };
}

/** Records what passes over a link: headers of packets as a file, or the event log as it comes. */
function Tap({ admin, link }: { admin: Admin; link: string }) {
  const { busy, said, lines, download, watch, end } = useTap(admin, link);
  return (
    <div class="tap">
      <h3>Debug tap</h3>
      <div class="tap-buttons">
        <button type="button" class="secondary" disabled={busy.value !== ""} onClick={() => void download()}>
          Download packets
        </button>
        {busy.value === "events" ? (
          <button type="button" class="secondary" onClick={end}>Stop watching</button>
        ) : (
          <button type="button" class="secondary" disabled={busy.value !== ""} onClick={() => void watch()}>
            Watch events
          </button>
        )}
      </div>
      <p class="small quiet" role="status">{said.value}</p>
      {(lines.value.length > 0 || busy.value === "events") && (
        <pre class="tap-log" tabindex={0} aria-label="Events">{lines.value.join("\n") || "Waiting for the next event …"}</pre>
      )}
    </div>
  );
}

function save(data: Blob, name: string): void {
  const a = document.createElement("a");
  a.href = URL.createObjectURL(data);
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(a.href), 10_000);
}
