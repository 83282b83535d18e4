// Who is here: raised hands first, in their order, then by name.
import { nameOf, type Call } from "./call";
import { handUp } from "./hands";
import { Icon } from "./icons";
import { Menu } from "./menu";
import { Panel } from "./panel";
import { isMuted } from "./tile";
import { moderation } from "./tilemenu";
import { hue, initials } from "./tiles";
import { qualityWords } from "./trouble";
import type { Participant } from "../../sdk/src/index";

export function PeoplePanel({ call }: { call: Call }) {
  const hands = call.hands.value;
  const others = call.participants.value.filter((p) => !hands.includes(p)).sort(byName(call.room.you));
  return (
    <Panel name="Participants" title={`Participants (${call.participants.value.length})`} onclose={() => call.view.togglePeople()}>
      <div class={call.moderation.allowed ? "people moderated" : "people"} tabIndex={0} role="group" aria-label="Everyone">
        {hands.length > 0 && <h3>Raised hands</h3>}
        <ol>
          {hands.map((p) => (
            <Person key={p.id} call={call} person={p} />
          ))}
        </ol>
        {hands.length > 0 && others.length > 0 && <h3>Everyone else</h3>}
        <ul>
          {others.map((p) => (
            <Person key={p.id} call={call} person={p} />
          ))}
        </ul>
      </div>
      <footer>
        <button type="button" class="secondary" onClick={() => (call.view.inviting.value = true)}>
          Invite people
        </button>
        {call.moderation.allowed && call.participants.value.length > 1 && (
          <button type="button" class="secondary" onClick={() => call.moderation.muteAll(call.participants.value)}>
            Mute everyone else
          </button>
        )}
      </footer>
    </Panel>
  );
}

function Person({ call, person }: { call: Call; person: Participant }) {
  const you = person.id === call.room.you;
  const weak = qualityWords(call.quality.value.get(person.id));
  const items = moderation(call, { participant: person, you, screen: false });
  return (
    <li class="person">
      <span class="face" style={{ "--hue": String(hue(person.id)) }} aria-hidden="true">
        {initials(nameOf(person))}
      </span>
      <span class="who">
        <span class="name">
          {nameOf(person)}
          {you && " (you)"}
        </span>
        <span class="quiet">{[person.role, weak, !person.connected && "Reconnecting"].filter(Boolean).join(" · ")}</span>
      </span>
      {handUp(person) && <Sign icon="hand" words="hand raised" />}
      {person.tracks.some((t) => t.source === "screen") && <Sign icon="screen" words="shares a screen" />}
      <Sign icon={isMuted({ participant: person }) ? "microphone-off" : "microphone"} words={isMuted({ participant: person }) ? "muted" : "microphone on"} />
      {items.length > 0 && (
        <Menu class="plain" label={`Options for ${nameOf(person)}`} groups={[{ items }]}>
          <Icon name="more" size={20} />
        </Menu>
      )}
    </li>
  );
}

function Sign({ icon, words }: { icon: Parameters<typeof Icon>[0]["name"]; words: string }) {
  return (
    <span class="sign" title={words}>
      <Icon name={icon} size={18} />
      <span class="unseen">{words}</span>
    </span>
  );
}

function byName(you: string) {
  return (a: Participant, b: Participant) =>
    Number(b.id === you) - Number(a.id === you) || nameOf(a).localeCompare(nameOf(b)) || a.joinedAt - b.joinedAt;
}
