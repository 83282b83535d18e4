// The link to give away, and those who receive from it.
import { useEffect, useRef, useState } from "preact/hooks";
import type { Outgoing, Receiver } from "../../../sdk/src/transfer/shape";
import { onlyHere, warns } from "../invitations";
import { QRPicture } from "../qrpicture";
import { Picture } from "../signs";
import { clockWords, countWords, leftWords, percent, rateWords, sizeWords } from "./amounts";
import { itemLines } from "./gather";
import { CopyField, Progress, useNow } from "./parts";
import { Remember } from "./remember";
import type { SendModel } from "./sendmodel";
import { problemWords, receiverWords } from "./words";

export function Sending({ model }: { model: SendModel }) {
  const transfer = model.transfer.value;
  model.turn.value; // shown anew with each change
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  if (!transfer) return null;
  const over = transfer.state === "complete" || transfer.state === "ended";
  const open = model.open.value;
  const all = !open && !over && !transfer.closed;
  return (
    <section class="sending">
      <div class="sending-head">
        <h1 ref={heading} tabIndex={-1}>
          {title(transfer, model)}
        </h1>
        <p class="quiet">{about(model)}</p>
      </div>
      {open && <Link transfer={transfer} secret={model.wishes.value.passphrase !== ""} />}
      {!open && <Over transfer={transfer} all={all} none={expired(transfer, model)} />}
      <Receivers list={model.receivers.value} wanted={open} id={model.offer()?.id ?? ""} />
      <div class="row">
        {!over && !(transfer.closed && model.receivers.value.length === 0) && (
          <button type="button" class="secondary danger" onClick={() => void transfer.revoke()}>
            {open ? "Withdraw the link" : "Stop sending"}
          </button>
        )}
        {expired(transfer, model) && (
          <button type="button" class="primary" onClick={() => void model.again()}>
            New link
          </button>
        )}
        {!model.busy.value && !expired(transfer, model) && (
          <button type="button" class="primary" onClick={() => model.clear()}>
            Send something else
          </button>
        )}
      </div>
    </section>
  );
}

function title(transfer: Outgoing, model: SendModel): string {
  const some = model.receivers.value.filter((r) => r.state === "complete").length;
  switch (transfer.state) {
    case "complete":
      return some > 1 ? `${some} people have it` : "They have it";
    case "ended":
      return transfer.error ? problemTitle(transfer) : "The transfer has ended";
    case "sending":
      return "Sending";
    default:
      if (expired(transfer, model)) return "The link has expired";
      return transfer.closed ? "Nobody new can come" : "Your link is ready";
  }
}

/** It ended before anybody came. */
function expired(transfer: Outgoing, model: SendModel): boolean {
  return transfer.state === "waiting" && transfer.closed && model.receivers.value.length === 0;
}

function problemTitle(transfer: Outgoing): string {
  return transfer.error?.code === "revoked" || transfer.error?.code === "cancelled" ? "You withdrew the link" : "The transfer has ended";
}

function about(model: SendModel): string {
  if (model.text.value !== undefined) return "A message";
  const lines = itemLines(model.items.value);
  const bytes = lines.reduce((n, l) => n + l.bytes, 0);
  const [first] = lines;
  if (lines.length === 1 && first) return `${first.name}, ${sizeWords(bytes)}`;
  return `${countWords(lines.reduce((n, l) => n + l.files, 0), "file")}, ${sizeWords(bytes)}`;
}

function Link({ transfer, secret }: { transfer: Outgoing; secret: boolean }) {
  const now = useNow();
  const copied = useCopied(transfer.link);
  const [noCode, setNoCode] = useState("");
  const renew = () => transfer.renewCode().then(() => setNoCode(""), (e: unknown) => setNoCode(e instanceof Error ? e.message : String(e)));
  return (
    <div class="ways link-card">
      <CopyField id="transfer-link" label="Link" value={transfer.link} copied={copied} />
      <div class="handover">
        <figure class="code">
          <QRPicture text={transfer.link} />
        </figure>
        <div class="spoken">
          {transfer.code && !secret && (
            <div>
              <p class="small quiet">Or tell them this code, to type at {new URL(transfer.link).host}/send:</p>
              <p class="spoken-code">{transfer.code}</p>
            </div>
          )}
          {secret && <p class="small quiet">They are asked for the passphrase. Tell it to them by another way than the link.</p>}
          {!transfer.code && !secret && (
            <button type="button" class="secondary" onClick={() => void renew()}>
              New code
            </button>
          )}
          {noCode && !transfer.code && <p class="small" role="status">{noCode}</p>}
          <p class="small quiet">
            Waits <span class="clock">{clockWords(transfer.expires - now)}</span> more. Keep this page open: the files come from this device.
          </p>
          {aboutLink(transfer.link) && <p class="small quiet">{aboutLink(transfer.link)}</p>}
          {"share" in navigator && (
            <button type="button" class="secondary" onClick={() => void navigator.share({ title: "Files for you", url: transfer.link }).catch(() => {})}>
              <Picture name="share" size={20} />
              Share…
            </button>
          )}
        </div>
      </div>
    </div>
  );
}

/** The click that made the link lets us copy it, in most browsers. */
function useCopied(link: string): boolean {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (link) navigator.clipboard?.writeText(link).then(() => setCopied(true), () => {}); // else there is the button
  }, [link]);
  return copied;
}

function aboutLink(link: string): string {
  if (!link) return "";
  if (onlyHere(link)) return "This link works on this machine only. For others, open this page by an address that they can reach, and send from there.";
  return warns(link) ? "Browsers may warn of this link once, as the server made its certificate itself: one can go on." : "";
}

function Over({ transfer, all, none }: { transfer: Outgoing; all: boolean; none: boolean }) {
  if (transfer.state === "complete") {
    return <p class="good-news"><Picture name="check" /> Every byte was checked at the other end. You can close this page.</p>;
  }
  const { error } = transfer;
  if (error && error.code !== "revoked" && error.code !== "cancelled") {
    return <p class="problem" role="alert">{error.message || problemWords(error).text}</p>;
  }
  if (transfer.state === "ended") return <p class="quiet">The link leads nowhere any more.</p>;
  if (none) return <p class="quiet">Nobody received from it in time. A new one leads to the same files.</p>;
  if (all) return <p class="quiet">Keep this page open: the files come from this device.</p>;
  return <p class="quiet">The link takes nobody new. Keep this page open until those below have it.</p>;
}

function Receivers({ list, wanted, id }: { list: readonly Receiver[]; wanted: boolean; id: string }) {
  return (
    <section class="receivers" aria-label="Who receives">
      <h2 class="unseen">Who receives</h2>
      {list.length === 0 && wanted && (
        <p class="waiting quiet" role="status">
          <span class="pulse" aria-hidden="true" /> Waiting for somebody to open the link…
        </p>
      )}
      <ul>
        {list.map((r) => (
          <ReceiverRow key={r.id} receiver={r} id={id} />
        ))}
      </ul>
    </section>
  );
}

function ReceiverRow({ receiver: r, id }: { receiver: Receiver; id: string }) {
  const moving = r.state === "receiving";
  return (
    <li class="receiver" data-state={r.state}>
      <div class="receiver-head">
        <b>{r.name || "Somebody"}</b>
        {(moving || r.state === "away") && <span class="small quiet">{percent(r.verified, r.total)} %</span>}
        {r.state === "complete" && <span class="good"><Picture name="check" size={20} /></span>}
      </div>
      {(moving || r.state === "away") && <Progress done={r.verified} total={r.total} label={`Progress of ${r.name || "somebody"}`} />}
      <p class="small quiet" role="status">
        {receiverWords(r)}
      </p>
      {moving && (
        <p class="small quiet numbers">
          {[`${sizeWords(r.verified)} of ${sizeWords(r.total)}`, r.rate > 0 && rateWords(r.rate), leftWords(r.total - r.verified, r.rate)].filter(Boolean).join(" · ")}
        </p>
      )}
      {r.state === "complete" && <Remember id={id} name={r.name} secret={r.pair} />}
    </li>
  );
}
