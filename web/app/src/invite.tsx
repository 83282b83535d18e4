// Inviting others to the room one is in: a link, its QR code, and who has got which.
import { useEffect, useMemo, useState } from "preact/hooks";
import { readServer } from "./api";
import { toClipboard } from "./clipboard";
import { Dialog } from "./dialog";
import { Invitations, onlyHere, openAddress, reachableLink, warns, type Made, type Wish } from "./invitations";
import { tokenGrants } from "./memory";
import { QRPicture } from "./qrpicture";
import { Picture } from "./signs";
import { lasting } from "./when";

interface Props {
  room: string;
  /** The participant's own. */
  token: string;
  onclose(): void;
}

export function InviteDialog({ room, token, onclose }: Props) {
  return (
    <Dialog title="Invite others" class="invitation" onclose={onclose}>
      {tokenGrants(token).moderate ? <HostInvites room={room} token={token} /> : <GuestInvites room={room} />}
    </Dialog>
  );
}

function HostInvites({ room, token }: { room: string; token: string }) {
  const invitations = useMemo(() => new Invitations(room, token), [room, token]);
  useEffect(() => void invitations.wishFor({}), [invitations]);
  const https = useHTTPS();
  const current = invitations.current.value;
  return (
    <>
      <Wishes invitations={invitations} />
      {invitations.problem.value && (
        <div class="hint" role="alert">
          <p>{invitations.problem.value}</p>
          <button type="button" class="plain" onClick={() => void invitations.wishFor({})}>
            Try again
          </button>
        </div>
      )}
      <Link url={current && https !== undefined ? reachableLink(current.url, https) : ""} room={room} onshare={() => invitations.share()} />
      <Others invitations={invitations} />
    </>
  );
}

/** The server's address by HTTPS; empty where it does not say, undefined until it has. */
function useHTTPS(): string | undefined {
  const [https, setHTTPS] = useState<string>();
  useEffect(() => void readServer().then((s) => setHTTPS(s.https), () => setHTTPS("")), []);
  return https;
}

const day = 86_400; // s
const uses = [[0, "Any number"], [1, "1 person"], [5, "5 people"], [25, "25 people"]] as const;
const lives = [[3_600, "1 hour"], [day, "1 day"], [7 * day, "7 days"], [30 * day, "30 days"]] as const;
const roles = [["guest", "Guest"], ["host", "Host"], ["viewer", "Viewer"]] as const;
const aboutRole: Record<Wish["role"], string> = {
  guest: "Guests talk, show themselves and share screens.",
  host: "Hosts can also invite, mute and remove others.",
  viewer: "Viewers watch and listen; nobody sees or hears them.",
};

function Wishes({ invitations }: { invitations: Invitations }) {
  const { role, uses: n, expiresIn } = invitations.wish.value;
  const choose = (change: Partial<Wish>) => void invitations.wishFor(change);
  return (
    <div>
      <div class="choices">
        <Pick label="Role" value={role} from={roles} onpick={(role) => choose({ role })} />
        <Pick label="For" value={n} from={uses} onpick={(uses) => choose({ uses })} />
        <Pick label="Valid for" value={expiresIn} from={lives} onpick={(expiresIn) => choose({ expiresIn })} />
      </div>
      <p class="small quiet about-role">{aboutRole[role]}</p>
    </div>
  );
}

interface PickProps<T> {
  label: string;
  value: T;
  from: readonly (readonly [T, string])[];
  onpick(value: T): void;
}

function Pick<T extends string | number>({ label, value, from, onpick }: PickProps<T>) {
  return (
    <label>
      {label}
      <select
        value={String(value)}
        onChange={(e) => {
          const chosen = from.find(([v]) => String(v) === e.currentTarget.value);
          if (chosen) onpick(chosen[0]);
        }}
      >
        {from.map(([v, words]) => (
          <option key={v} value={String(v)}>
            {words}
          </option>
        ))}
      </select>
    </label>
  );
}

/** Guests cannot make invitations; where the room is open its address does. */
function GuestInvites({ room }: { room: string }) {
  const [address, setAddress] = useState<string>();
  const [known, setKnown] = useState(false);
  useEffect(() => {
    void openAddress(room).then((found) => {
      setAddress(found);
      setKnown(true);
    });
  }, [room]);
  if (!known) return <p class="quiet" role="status">Looking…</p>;
  if (!address) return <p>Only hosts can invite others to this room. Ask one of them, by chat for example.</p>;
  return (
    <>
      <p class="quiet">Whoever has this link can join.</p>
      <Link url={address} room={room} onshare={() => {}} />
    </>
  );
}

/** A link to copy, to share, and to be scanned; empty while it is being made. */
function Link({ url, room, onshare }: { url: string; room: string; onshare(): void }) {
  const [copied, setCopied] = useState("");
  const copy = async () => {
    onshare();
    setCopied((await toClipboard(url, "#invitation-link")) ? "Copied." : "Press Ctrl+C or ⌘C to copy the selected link.");
  };
  useEffect(() => setCopied(""), [url]);
  const share = () => {
    onshare();
    navigator.share({ title: `Call in ${room}`, url }).catch(() => {}); // closed without sharing
  };
  return (
    <div class="made" aria-busy={url === ""}>
      <div class="link">
        <input id="invitation-link" aria-label="Invitation link" readOnly value={url} placeholder="Making a link…" onFocus={(e) => e.currentTarget.select()} />
        <button type="button" class="primary" disabled={url === ""} onClick={() => void copy()}>
          <Picture name={copied === "Copied." ? "check" : "copy"} size={20} />
          Copy
        </button>
      </div>
      <p class="small quiet" role="status">
        {copied || (url && aboutLink(url))}
      </p>
      <figure class="code">
        <QRPicture text={url} />
        <figcaption class="small quiet">Scan it with a phone to join from there.</figcaption>
      </figure>
      {"share" in navigator && (
        <button type="button" class="secondary" disabled={url === ""} onClick={share}>
          <Picture name="share" size={20} />
          Share…
        </button>
      )}
    </div>
  );
}

function aboutLink(url: string): string {
  if (onlyHere(url)) return "This link works on this machine only. For others, open this app by an address that they can reach, and invite from there.";
  return warns(url) ? "Browsers may warn of this link once, as the server made its certificate itself: one can go on." : "";
}

function Others({ invitations }: { invitations: Invitations }) {
  const current = invitations.current.value;
  const list = [...(current?.shared ? [current] : []), ...invitations.others.value];
  if (list.length === 0) return null;
  return (
    <section class="list" aria-label="Links that you shared">
      <h3>Links that you shared</h3>
      <ul>
        {list.map((made) => (
          <li key={made.id}>
            <span class="small">{describe(made)}</span>
            <button
              type="button"
              class="plain danger"
              aria-label={`Withdraw the link: ${describe(made)}`}
              onClick={() => void invitations.withdraw(made.id)}
            >
              Withdraw
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

function describe(made: Made): string {
  const role = roles.find(([r]) => r === made.wish.role)?.[1] ?? made.wish.role;
  const people = uses.find(([n]) => n === made.wish.uses)?.[1] ?? `${made.wish.uses} people`;
  return `${role}, ${people.toLowerCase()}, ${lasting(Date.parse(made.expires))}`;
}
