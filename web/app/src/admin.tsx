// The page for whoever runs the server: rooms, links and the server itself, live.
import { signal, useComputed, useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import type { RoomDetail } from "../../sdk/src/protocol";
import { Graph } from "./admingraph";
import { LinkPanel, LinkTable } from "./adminlinks";
import { Admin, type RoomView } from "./adminlive";
import { bytesWords, sinceWords } from "./adminwords";
import { Line } from "./doctorline";
import { rate } from "./doctorwords";

const storageKey = "switchyard.admin";

/** The token is kept for this tab only. It may come in the fragment, which no server sees. */
const token = signal("");
const refusal = signal("");

function takeToken(): void {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem(storageKey, given);
    history.replaceState(null, "", location.pathname);
  }
  token.value = sessionStorage.getItem(storageKey) ?? "";
}

export function AdminPage() {
  useEffect(() => {
    document.title = "Administration · Switchyard";
    takeToken();
    window.addEventListener("hashchange", takeToken);
    return () => window.removeEventListener("hashchange", takeToken);
  }, []);
  return token.value ? <Board key={token.value} token={token.value} /> : <Gate />;
}

function leave(why: string): void {
  sessionStorage.removeItem(storageKey);
  refusal.value = why;
  token.value = "";
}

function Gate() {
  const typed = useSignal("");
  const enter = (e: Event) => {
    e.preventDefault();
    refusal.value = "";
    sessionStorage.setItem(storageKey, typed.value.trim());
    token.value = typed.value.trim();
  };
  return (
    <main class="page">
      <div class="card">
        <Brand />
        <h1>Administration</h1>
        <p class="quiet">
          Paste an admin token. <code>switchyard token --admin</code> prints one where the server runs.
        </p>
        <form onSubmit={enter}>
          <label>
            Admin token
            <input type="password" autocomplete="off" spellcheck={false} required value={typed.value} onInput={(e) => (typed.value = e.currentTarget.value)} />
          </label>
          {refusal.value && <p class="problem" role="alert">{refusal.value}</p>}
          <button type="submit" class="primary">Open</button>
        </form>
      </div>
    </main>
  );
}

function Brand() {
  return (
    <a class="brand" href="/">
      <img src="/favicon.svg" alt="" width="28" height="28" />
      Switchyard
    </a>
  );
}

function Board({ token }: { token: string }) {
  const admin = useMemo(() => new Admin(token, leave), [token]);
  const room = useSignal(""), link = useSignal("");
  useEffect(() => {
    void admin.run();
    return () => admin.end();
  }, [admin]);
  const view = useComputed(() => admin.rooms.value.find((r) => r.room.room === room.value) ?? busiest(admin.rooms.value));
  const chosen = useComputed(() => view.value?.links.find((l) => l.detail.link === link.value));
  return (
    <main class="admin">
      <header class="admin-head">
        <div>
          <Brand />
          <h1>Administration</h1>
        </div>
        <button type="button" class="secondary" onClick={() => leave("")}>Sign out</button>
      </header>
      {admin.problem.value && <p class="hint" role="alert"><span>{admin.problem.value}</span></p>}
      <Facts admin={admin} />
      <Rooms known={admin.overview.value !== undefined} rooms={admin.rooms.value} chosen={view.value?.room.room ?? ""} onchoose={(r) => (room.value = r)} />
      {view.value?.room.kind === "transfer" && (
        <section class="admin-card admin-empty">
          <h2>Files go from device to device</h2>
          <p class="quiet">They pass this server only where nothing else gets through, and then sealed. The room is <code>{view.value.room.room}</code>.</p>
        </section>
      )}
      {view.value && view.value.links.length > 0 && (
        <div class={`admin-room${chosen.value ? " with-panel" : ""}`}>
          <section class="admin-card graph-card" aria-label={`Graph of room ${view.value.room.room}`}>
            <Graph view={view.value} chosen={link.value} onchoose={(l) => (link.value = link.value === l ? "" : l)} />
            <Legend />
          </section>
          {chosen.value && <LinkPanel admin={admin} view={view.value} link={chosen.value} />}
          <section class="admin-card" aria-label="Links">
            <LinkTable view={view.value} chosen={link.value} onchoose={(l) => (link.value = link.value === l ? "" : l)} />
          </section>
        </div>
      )}
      <Health admin={admin} />
    </main>
  );
}

const busiest = (rooms: readonly RoomView[]) => [...rooms].sort((a, b) => b.links.length - a.links.length)[0];

function Facts({ admin }: { admin: Admin }) {
  const o = admin.overview.value;
  const flows = admin.rooms.value.flatMap((r) => r.links);
  const total = (way: "in" | "out") => rate(flows.reduce((n, l) => n + l[way].rate, 0));
  const s = o?.server;
  const facts: [string, string, string?][] = [
    ["Rooms", o ? String(o.rooms.length) : "–"],
    ["People", o ? String(admin.people.value) : "–"],
    ["Comes in", o ? total("in") : "–"],
    ["Goes out", o ? total("out") : "–"],
    ["CPU", s ? `${Math.round(admin.cpu.value * 100)} %` : "–", s && `of ${s.cores * 100} %`],
    ["Memory", s ? bytesWords(s.memoryBytes) : "–"],
    ["Runs for", s && o ? sinceWords(s.started, o.at / 1000) : "–", s?.draining ? "ending" : s?.version],
  ];
  return (
    <dl class="facts" aria-label="The server">
      {facts.map(([name, value, note]) => (
        <div key={name} data-fact={name}>
          <dt>{name}</dt>
          <dd>
            {value}
            {note && <small>{note}</small>}
          </dd>
        </div>
      ))}
    </dl>
  );
}

interface RoomsProps {
  /** The server has said which there are. */
  known: boolean;
  rooms: readonly RoomView[];
  chosen: string;
  onchoose: (room: string) => void;
}

function Rooms({ known, rooms, chosen, onchoose }: RoomsProps) {
  if (!known) return null;
  if (!rooms.length) {
    return (
      <section class="admin-card admin-empty">
        <h2>No room is open</h2>
        <p class="quiet">
          A room opens when somebody comes. Try it with <code>switchyard publish --room demo --copies 4</code>.
        </p>
      </section>
    );
  }
  return (
    <nav class="admin-rooms" aria-label="Rooms">
      {rooms.map((r) => (
        <button key={r.room.room} type="button" class="admin-tab" aria-pressed={r.room.room === chosen} onClick={() => onchoose(r.room.room)}>
          {tabOf(r.room)}
          <span class="badge">{r.room.participants.length + r.room.viewers}</span>
        </button>
      ))}
    </nav>
  );
}

/** A room where files are handed over, or devices see each other, has a long name that says nothing. */
const tabOf = (r: RoomDetail) => {
  const title = { transfer: "Files", nearby: "Nearby" }[r.kind];
  return title ? `${title} ${r.room.slice(-4)}` : r.room;
};

function Legend() {
  return (
    <ul class="legend">
      <li><i class="ok" /> well</li>
      <li><i class="warn" /> over 1 % lost or 250 ms</li>
      <li><i class="fail" /> over 5 % lost or 600 ms</li>
      <li>width: bit rate; dots move the way it flows</li>
    </ul>
  );
}

function Health({ admin }: { admin: Admin }) {
  const d = admin.diagnosis.value;
  const drops = Object.entries(admin.overview.value?.server.drops ?? {}).sort(([, a], [, b]) => b - a);
  return (
    <div class="admin-health">
      {d && (
        <section class="finding-group">
          <h2>The server itself</h2>
          <ul>
            {d.findings.map((f) => <Line key={f.id} finding={f} />)}
          </ul>
        </section>
      )}
      <section class="finding-group">
        <h2>Dropped, by reason</h2>
        <div class="admin-card">
          {drops.length === 0 ? <p class="quiet small">Nothing was dropped.</p> : (
            <table class="admin-table drops">
              <caption class="unseen">Packets and messages dropped since the start</caption>
              <tbody>
                {drops.map(([why, n]) => (
                  <tr key={why}>
                    <th scope="row">{why.replaceAll("_", " ")}</th>
                    <td>{n.toLocaleString("en")}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
        </div>
      </section>
    </div>
  );
}
