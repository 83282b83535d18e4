// The call: tiles, panels, buttons, and words about the connection.
import { useEffect, useState } from "preact/hooks";
import { keepAwake } from "./awake";
import { Banner } from "./banner";
import type { Call } from "./call";
import { ChatPanel } from "./chatpanel";
import { Controls, screenGroups } from "./controls";
import { listDevices } from "./devices";
import { HelpSheet } from "./help";
import { Icon } from "./icons";
import { InviteDialog } from "./invite";
import { LinkPanel } from "./linkpanel";
import { loadSeat } from "./memory";
import { Menu } from "./menu";
import { Notes } from "./notes";
import { PeoplePanel } from "./people";
import { closePictureInPicture } from "./pip";
import { floatsFor } from "./reactions";
import { listenToKeys } from "./shortcuts";
import { Stage } from "./stage";

const coveredFor = 3_000; // ms: who looks into the chat for a moment loses no picture

export function CallPage({ call }: { call: Call }) {
  useEffect(() => {
    void listDevices();
    const stops = [listenToKeys(call), keepAwake()];
    return () => {
      for (const stop of stops) stop();
      closePictureInPicture();
    };
  }, [call]);
  const { panel, narrow, help, inviting } = call.view;
  const covered = panel.value !== undefined && narrow.value; // what a phone's panel lies over takes no keys
  const unseen = useLasting(covered && panel.value !== "connection", coveredFor); // who measures wants what is measured
  return (
    <div class="call">
      <Bar call={call} inert={covered} />
      <Stage call={call} inert={covered} hidden={unseen} />
      {panel.value === "chat" && <ChatPanel call={call} />}
      {panel.value === "people" && <PeoplePanel call={call} />}
      {panel.value === "connection" && <LinkPanel call={call} />}
      <Floating call={call} />
      <Notes call={call} />
      <Controls call={call} inert={covered} />
      {help.value && <HelpSheet call={call} />}
      {inviting.value && (
        <InviteDialog room={call.room.name} token={loadSeat(call.room.name)?.token ?? ""} onclose={() => (inviting.value = false)} />
      )}
    </div>
  );
}

/** Whether something has been so for a while. */
function useLasting(so: boolean, ms: number): boolean {
  const [lasting, setLasting] = useState(false);
  useEffect(() => {
    setLasting(false);
    if (!so) return undefined;
    const timer = setTimeout(() => setLasting(true), ms);
    return () => clearTimeout(timer);
  }, [so, ms]);
  return so && lasting;
}

function Bar({ call, inert }: { call: Call; inert: boolean }) {
  const count = call.participants.value.length;
  const hands = call.hands.value.length;
  return (
    <header class="bar" inert={inert}>
      <h1>{call.room.name}</h1>
      <button type="button" class="count" aria-pressed={call.view.people.value} onClick={() => call.view.togglePeople()}>
        <Icon name="people" size={18} />
        <span>
          <span class="unseen">Participants: </span>
          {count}
        </span>
        {hands > 0 && (
          <span class="count-hands">
            <Icon name="hand" size={16} />
            <span class="unseen">, raised hands: </span>
            {hands}
          </span>
        )}
      </button>
      <Banner call={call} />
      <Sharing call={call} />
    </header>
  );
}

function Sharing({ call }: { call: Call }) {
  const screens = call.sending.shares.value.filter((s) => s.kind === "screen");
  if (screens.length === 0) return null;
  const one = screens.length === 1 ? screens[0] : undefined;
  const words = one ? "You are sharing your screen" : `You are sharing ${screens.length} screens`;
  return (
    <div class="sharing">
      <span class="sharing-words">{words}</span>
      {one ? (
        <button type="button" class="pill" onClick={() => void call.sending.remove(one)}>
          Stop sharing
        </button>
      ) : (
        <Menu class="pill" label="Stop sharing" groups={screenGroups(call)}>
          Stop sharing
        </Menu>
      )}
    </div>
  );
}

/** Reactions rise over the stage; a screen reader is not told each. */
function Floating({ call }: { call: Call }) {
  return (
    <div class="floating" aria-hidden="true">
      {call.reactions.floating.value.map((r) => (
        <div key={r.id} class="float" style={{ left: `${4 + r.place * 28}%`, animationDuration: `${floatsFor}ms` }}>
          <span class="emoji">{r.emoji}</span>
          <span class="float-name">{r.name}</span>
        </div>
      ))}
    </div>
  );
}
