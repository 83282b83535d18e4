// The start page: start a room, join one, go back to one.
import { useSignal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { readServer, startRoom, type ServerFacts } from "./api";
import { isInsecure } from "./browser";
import { entryPath } from "./entry";
import { Frame } from "./frame";
import { InsecureHint } from "./insecure";
import { forgetRecent, loadRecents, noteRecent, type Recent } from "./memory";
import { go } from "./route";
import { Picture } from "./signs";
import { when } from "./when";
import { endWords } from "./words";

export function HomePage() {
  const [facts, setFacts] = useState<ServerFacts>();
  const [problem, setProblem] = useState("");
  const look = () => {
    setProblem("");
    readServer().then(setFacts, () => setProblem("The server does not answer. Check your internet connection."));
  };
  useEffect(look, []);
  return (
    <Frame>
      <main class="home">
        <div class="welcome">
          <h1>Talk face to face, from any browser.</h1>
          <p class="quiet">Calls, shared screens and chat. Nothing to install, no account.</p>
        </div>
        <div class="ways">
          {isInsecure() && <InsecureHint />}
          {problem && (
            <div class="hint" role="alert">
              <p>{problem}</p>
              <button type="button" class="plain" onClick={look}>
                Try again
              </button>
            </div>
          )}
          {facts?.open && <StartRoom />}
          {facts?.open && <p class="or" aria-hidden="true">or</p>}
          <JoinForm open={facts?.open ?? false} />
          {facts && !facts.open && <Closed />}
        </div>
        <p class="send-line">
          <a href="/send" onClick={(e) => here(e, "/send")}>
            <Picture name="file" size={20} />
            Send files
          </a>{" "}
          <span class="quiet">from device to device, of any size</span>
        </p>
        <Recents />
      </main>
    </Frame>
  );
}

function StartRoom() {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState("");
  const start = async () => {
    setBusy(true);
    setProblem("");
    try {
      const { room, key } = await startRoom();
      noteRecent(room, { key, role: "host" });
      go(`/r/${encodeURIComponent(room)}`);
    } catch (e) {
      setBusy(false);
      setProblem(e instanceof Error && e.message ? e.message : endWords(e).text);
    }
  };
  return (
    <div class="start">
      <button type="button" class="primary" disabled={busy} onClick={() => void start()}>
        <Picture name="plus" size={20} />
        {busy ? "Starting…" : "Start a room"}
      </button>
      {problem && (
        <p class="problem small" role="alert">
          {problem}
        </p>
      )}
    </div>
  );
}

function JoinForm({ open }: { open: boolean }) {
  const [text, setText] = useState("");
  const [problem, setProblem] = useState("");
  const join = (e: Event) => {
    e.preventDefault();
    const path = entryPath(text);
    if (path) go(path);
    else setProblem(open ? "That is neither a link nor a room’s name. Links look like https://…/i/…" : "That is not an invitation link. It looks like https://…/i/…");
  };
  return (
    <form class="join" onSubmit={join}>
      <label>
        {open ? "Link or name of a room" : "Invitation link"}
        <span class="beside">
          <input
            value={text}
            onInput={(e) => {
              setText(e.currentTarget.value);
              setProblem("");
            }}
            placeholder={open ? "calm-otter-421" : `${location.origin}/i/…`}
            aria-invalid={problem !== ""}
            aria-describedby={problem ? "join-problem" : undefined}
            autocomplete="off"
            autocapitalize="none"
            spellcheck={false}
            required
          />
          <button type="submit" class="secondary">
            Join
          </button>
        </span>
      </label>
      {problem && (
        <p class="problem small" id="join-problem" role="alert">
          {problem}
        </p>
      )}
    </form>
  );
}

/** Where not everybody may start a room: how one begins. */
function Closed() {
  return (
    <div class="closed small quiet">
      <p>Rooms on this server begin with an invitation. Open the link that you were sent, or ask whoever runs the server for one.</p>
      <details>
        <summary>You run this server?</summary>
        <p>
          <code>switchyard invite --room NAME --role host</code> prints a link that makes you the host. To let everybody
          start rooms, run it with <code>--open</code>.
        </p>
      </details>
    </div>
  );
}

function Recents() {
  const list = useSignal(loadRecents());
  const forget = (room: string) => {
    forgetRecent(room);
    list.value = loadRecents();
  };
  if (list.value.length === 0) return null;
  return (
    <section class="recents" aria-labelledby="recents-title">
      <h2 id="recents-title">Recent rooms</h2>
      <ul>
        {list.value.map((r) => (
          <RecentRoom key={r.room} recent={r} onforget={() => forget(r.room)} />
        ))}
      </ul>
    </section>
  );
}

function RecentRoom({ recent, onforget }: { recent: Recent; onforget(): void }) {
  const path = `/r/${encodeURIComponent(recent.room)}`;
  return (
    <li>
      <a href={path} onClick={(e) => here(e, path)}>
        <span class="name">{recent.room}</span>
        <span class="small quiet">{when(recent.at)}</span>
        {recent.role === "host" && <span class="badge">Host</span>}
      </a>
      <button type="button" class="plain" aria-label={`Forget ${recent.room}`} title="Forget" onClick={onforget}>
        <Picture name="forget" size={18} />
      </button>
    </li>
  );
}

/** Follows a link in this tab, unless one of its own is wanted. */
function here(e: MouseEvent, path: string): void {
  if (e.ctrlKey || e.metaKey || e.shiftKey || e.button !== 0) return;
  e.preventDefault();
  go(path);
}
