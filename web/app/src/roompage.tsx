// A room: finding the way in, the lobby, the call, and what is said after it.
import { useEffect, useRef, useState } from "preact/hooks";
import type { SwitchyardError } from "../../sdk/src/index";
import { missingParts } from "./browser";
import type { Call } from "./call";
import { CallPage } from "./callpage";
import { closeDevices } from "./devices";
import { devicesReady, enter } from "./enter";
import { Frame } from "./frame";
import { Lobby } from "./lobby";
import { changeSeat, forgetRecent, forgetSeat, loadName, loadSeat, noteRecent } from "./memory";
import { Message } from "./message";
import { go, withCodec } from "./route";
import { enterOpenRoom, findWay, type Way } from "./ways";
import { endWords, leftCall, noWayWords, oldBrowser, type Words } from "./words";

type Stay =
  | { at: "finding"; otherwise?: Words }
  | { at: "lobby"; way: Way }
  | { at: "joining" }
  | { at: "call"; call: Call }
  | { at: "ended"; words: Words };

/** The page is being left: the SDK says goodbye then, which is not the end of the seat. */
let pageGoes = false;
window.addEventListener("pagehide", () => (pageGoes = true));
window.addEventListener("pageshow", (e) => e.persisted && location.reload()); // back from the browser's cache

export function RoomPage({ room }: { room: string }) {
  const [stay, setStay] = useStay(room);
  useEffect(() => {
    document.title = `${room} · Switchyard`;
  }, [room, stay.at]);
  switch (stay.at) {
    case "call":
      return <CallPage call={stay.call} />;
    case "ended":
      return <Message words={stay.words} again={stay.words.sign === "lock" ? "Try again" : "Join again"} onagain={() => setStay({ at: "finding" })} />;
    case "lobby":
      return <RoomLobby room={room} way={stay.way} onjoin={() => setStay({ at: "joining" })} onrefused={(words) => setStay({ at: "ended", words })} />;
    case "joining":
      return <Waiting text={`Joining ${room}…`} />;
    case "finding":
      return <Waiting />;
  }
}

/** Where one is, and what follows from it. */
function useStay(room: string) {
  const [stay, setStay] = useState<Stay>(() => {
    if (missingParts().length > 0) return { at: "ended", words: oldBrowser };
    return loadSeat(room)?.joined ? { at: "joining" } : { at: "finding" };
  });
  const current = useRef<Call | undefined>(undefined);
  const end = (e: SwitchyardError | undefined) => {
    if (pageGoes) return; // a reload comes back
    closeDevices();
    setStay(afterCall(room, e));
  };
  useEffect(() => {
    let gone = false;
    if (stay.at === "finding") {
      void find(room, stay.otherwise).then((next) => next && !gone && setStay(next));
    } else if (stay.at === "joining") {
      void enter(room, end).then((call) => {
        if (gone) return call?.leave();
        current.current = call;
        if (call) setStay({ at: "call", call });
      });
    }
    return () => {
      gone = true;
    };
  }, [stay.at]);
  const leave = () => {
    current.current?.leave();
    closeDevices(); // of the lobby, too
  };
  useEffect(() => leave, []); // the browser's back button leaves
  return [stay, setStay] as const;
}

async function find(room: string, otherwise = noWayWords(room)): Promise<Stay | undefined> {
  try {
    const way = await findWay(room);
    if (!way) return { at: "ended", words: otherwise };
    if (way.by !== "invitation") return { at: "lobby", way };
    go(withCodec(way.path), true);
    return undefined;
  } catch (e) {
    return { at: "ended", words: endWords(e) };
  }
}

/** A token that has ended is forgotten: there may be another way in. */
function afterCall(room: string, e: SwitchyardError | undefined): Stay {
  const token = loadSeat(room)?.token;
  if (e?.code === "unauthorized") {
    forgetSeat(room);
    forgetRecent(room, "token");
    return { at: "finding", otherwise: endWords(e) };
  }
  changeSeat(room, { joined: false });
  if (token) noteRecent(room, { token });
  return { at: "ended", words: e ? endWords(e) : leftCall };
}

interface LobbyProps {
  room: string;
  way: Way;
  onjoin(): void;
  onrefused(words: Words): void;
}

function RoomLobby({ room, way, onjoin, onrefused }: LobbyProps) {
  const [busy, setBusy] = useState(false);
  const join = async (name: string) => {
    setBusy(true);
    try {
      if (way.by === "open") await enterOpenRoom(room, name, way.key);
    } catch (e) {
      return onrefused(endWords(e));
    }
    devicesReady.value = true;
    onjoin();
  };
  const role = way.by === "invitation" ? undefined : way.role;
  return (
    <Lobby
      room={room}
      about={aboutWay(way)}
      named={way.by === "open"}
      sends={role !== "viewer"}
      busy={busy}
      onjoin={(name) => void join(name)}
    />
  );
}

function aboutWay(way: Way): string | undefined {
  if (way.by === "open" && way.key) return "You are the host: once inside you can invite others.";
  return way.by === "seat" && loadName() ? `You join as ${loadName()}.` : undefined;
}

function Waiting({ text = "" }: { text?: string }) {
  return (
    <Frame>
      <main class="saying" aria-busy="true">
        <p class="quiet" role="status">
          {text}
        </p>
      </main>
    </Frame>
  );
}
