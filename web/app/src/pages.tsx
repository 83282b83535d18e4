// The pages around a call.
import { useEffect, useRef, useState } from "preact/hooks";
import { SwitchyardError } from "../../sdk/src/index";
import { acceptInvitation, readInvitation, type Invitation } from "./api";
import { Call } from "./call";
import { CallPage } from "./callpage";
import { closeDevices, openDevices } from "./devices";
import { Lobby } from "./lobby";
import { changeSeat, forgetSeat, loadName, loadSeat, saveSeat } from "./memory";
import { go, parseRoute } from "./route";
import { endWords, invitationWords, type Words } from "./words";

/** The way in is an invitation: without one, say so. */
export function HomePage() {
  const [link, setLink] = useState("");
  const [problem, setProblem] = useState("");
  const open = (e: Event) => {
    e.preventDefault();
    const path = invitationPath(link.trim());
    if (path) go(path);
    else setProblem("That is not an invitation link. It looks like https://…/i/…");
  };
  return (
    <main class="page">
      <div class="card">
        <Brand />
        <h1>Calls in your browser</h1>
        <p class="quiet">You need an invitation link to join a call. Open it, or paste it here.</p>
        <form onSubmit={open}>
          <label>
            Invitation link
            <input
              value={link}
              onInput={(e) => setLink(e.currentTarget.value)}
              placeholder={`${location.origin}/i/…`}
              autocomplete="off"
              spellcheck={false}
              required
            />
          </label>
          {problem && (
            <p class="problem" role="alert">
              {problem}
            </p>
          )}
          <button type="submit" class="primary">
            Continue
          </button>
        </form>
        <p class="small quiet">
          Running this server? <code>switchyard invite --room NAME</code> prints a link.
        </p>
      </div>
    </main>
  );
}

const invalid = new SwitchyardError("not-found", "");

/** Reading an invitation costs nothing; only the button takes it. */
export function InvitationPage({ id }: { id: string }) {
  const [invitation, setInvitation] = useState<Invitation>();
  const [refused, setRefused] = useState<Words>();
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    const take = (found: Invitation) => (found.valid ? setInvitation(found) : setRefused(invitationWords(invalid)));
    readInvitation(id).then(take, (e: unknown) => setRefused(invitationWords(e)));
  }, [id]);
  const join = async (name: string) => {
    setBusy(true);
    setProblem("");
    try {
      const { token, room, role } = await acceptInvitation(id, name);
      saveSeat(room, { token, role, joined: true, camera: true, microphone: true });
      prepared = true;
      go(`/r/${encodeURIComponent(room)}`, true);
    } catch (e) {
      setBusy(false);
      const words = invitationWords(e);
      if (words.again) setProblem(`${words.title}. ${words.text}`);
      else setRefused(words);
    }
  };
  if (refused) return <Message words={refused} />;
  if (!invitation) return null;
  const about = `You are invited as ${invitation.role}.`;
  return <Lobby title={`Join ${invitation.room}`} about={about} named busy={busy} problem={problem} onjoin={(name) => void join(name)} />;
}

/** The page is being left: the SDK says goodbye then, which is not the end of the seat. */
let pageGoes = false;
window.addEventListener("pagehide", () => (pageGoes = true));
window.addEventListener("pageshow", (e) => e.persisted && location.reload()); // back from the browser's cache

type Stay =
  | { at: "lobby" }
  | { at: "joining" }
  | { at: "call"; call: Call }
  | { at: "ended"; words: Words };

const left: Words = { title: "You left the call", text: "You can come back with the same invitation.", again: true };

/** A room: the lobby, the call, and what is said after it. */
export function RoomPage({ room }: { room: string }) {
  const seat = loadSeat(room);
  const [stay, setStay] = useState<Stay>(seat?.joined ? { at: "joining" } : { at: "lobby" });
  const end = (e: SwitchyardError | undefined) => {
    if (pageGoes) return; // a reload comes back
    closeDevices();
    if (e?.code === "unauthorized") forgetSeat(room);
    else changeSeat(room, { joined: false });
    setStay({ at: "ended", words: e ? endWords(e) : left });
  };
  const current = useRef<Call | undefined>(undefined);
  useEffect(() => {
    if (stay.at !== "joining") return;
    void enter(room, end).then((call) => {
      current.current = call;
      if (call) setStay({ at: "call", call });
    });
  }, [stay.at]);
  useEffect(() => () => current.current?.leave(), []); // the browser's back button leaves
  useEffect(() => {
    document.title = `${room} · Switchyard`;
    return () => (document.title = "Switchyard");
  }, [room]);

  if (stay.at === "call") return <CallPage call={stay.call} />;
  if (stay.at === "ended") {
    return <Message words={stay.words} onagain={seat && (() => setStay({ at: "lobby" }))} />;
  }
  if (!seat) return <NoSeat room={room} />;
  if (stay.at === "joining") return <main class="page"><p class="quiet" role="status">Joining {room}…</p></main>;
  const join = () => {
    prepared = true;
    setStay({ at: "joining" });
  };
  return <Lobby title={`Join ${room}`} named={false} busy={false} onjoin={join} />;
}

/** Joins with the devices of the lobby, or after a reload with those that were on. */
async function enter(room: string, end: (e: SwitchyardError | undefined) => void): Promise<Call | undefined> {
  const seat = loadSeat(room);
  if (!seat) return undefined;
  if (!prepared) await openDevices(seat);
  prepared = false;
  try {
    return await Call.join(room, seat, loadName(), end);
  } catch (e) {
    end(e as SwitchyardError);
    return undefined;
  }
}

/** A lobby has opened the devices that are wanted; after a reload none has. */
let prepared = false;

function NoSeat({ room }: { room: string }) {
  const words = {
    title: `You need an invitation to ${room}`,
    text: "Ask someone in the call for an invitation link, and open it on this device.",
    again: false,
  };
  return <Message words={words} />;
}

/** No page has this address. */
export function UnknownPage() {
  const words = {
    title: "There is nothing at this address",
    text: "Check that you have the whole link, or begin at the start page.",
    again: false,
  };
  return <Message words={words} />;
}

function Message({ words, onagain }: { words: Words; onagain?: () => void }) {
  return (
    <main class="page">
      <div class="card" role="alert">
        <Brand />
        <h1>{words.title}</h1>
        <p class="quiet">{words.text}</p>
        {words.again && onagain && (
          <button type="button" class="primary" onClick={onagain}>
            Join again
          </button>
        )}
      </div>
    </main>
  );
}

function Brand() {
  return (
    <p class="brand">
      <img src="/favicon.svg" alt="" width="28" height="28" />
      Switchyard
    </p>
  );
}

/** Only the path of a pasted link is used: it leads nowhere else. */
function invitationPath(text: string): string | undefined {
  let path = text;
  try {
    path = new URL(text, location.href).pathname;
  } catch {
    return undefined;
  }
  return parseRoute(path).page === "invitation" ? path : undefined;
}
