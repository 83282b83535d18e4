// A link that someone was sent. Reading it costs nothing; only the button takes it.
import { useEffect, useState } from "preact/hooks";
import { acceptInvitation, readInvitation, type Invitation } from "./api";
import { missingParts } from "./browser";
import { closeDevices } from "./devices";
import { devicesReady } from "./enter";
import { Lobby } from "./lobby";
import { forgetRecent } from "./memory";
import { Message } from "./message";
import { go, withCodec } from "./route";
import { takeSeat } from "./ways";
import { invitationWords, oldBrowser, type Words } from "./words";

export function InvitationPage({ id }: { id: string }) {
  const [invitation, setInvitation] = useState<Invitation>();
  const [refused, setRefused] = useState<Words | undefined>(missingParts().length > 0 ? oldBrowser : undefined);
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const look = () => {
    if (refused === oldBrowser) return;
    setRefused(undefined);
    const take = (found: Invitation) => {
      if (found.valid) return setInvitation(found);
      forgetRecent(found.room, "invitation"); // it leads nowhere any more
      setRefused(invitationWords(found.reason ?? ""));
    };
    readInvitation(id).then(take, (e: unknown) => setRefused(invitationWords(e)));
  };
  useEffect(look, [id]);
  useEffect(() => () => void (devicesReady.value || closeDevices()), []); // back to another page: the light goes out
  const join = async (name: string) => {
    setBusy(true);
    setProblem("");
    try {
      const { token, room, role } = await acceptInvitation(id, name);
      takeSeat(room, token, role, true, id);
      devicesReady.value = true;
      go(withCodec(`/r/${encodeURIComponent(room)}`), true);
    } catch (e) {
      setBusy(false);
      const words = invitationWords(e);
      if (words.again) setProblem(`${words.title}. ${words.text}`);
      else setRefused(words);
    }
  };
  if (refused) return <Message words={refused} onagain={look} />;
  if (!invitation) return <main class="page" aria-busy="true" />;
  return (
    <Lobby
      room={invitation.room}
      about={aboutRole[invitation.role] ?? `You are invited as ${invitation.role}.`}
      named
      sends={invitation.role !== "viewer"}
      busy={busy}
      problem={problem}
      onjoin={(name) => void join(name)}
    />
  );
}

const aboutRole: Record<string, string> = {
  host: "You are invited as a host: you can invite, mute and remove others.",
  guest: "You are invited as a guest.",
  viewer: "You are invited to watch and listen: the others will not see or hear you.",
};
