// A link to receive from. Reading it costs nothing; only the button takes it.
import { useEffect, useMemo, useState } from "preact/hooks";
import { readTransfer, type TransferFacts } from "../api";
import { isInsecure } from "../browser";
import { Frame } from "../frame";
import { InsecureHint } from "../insecure";
import { Message } from "../message";
import { go } from "../route";
import { Picture } from "../signs";
import { parseAddress, type Address } from "./address";
import { clockWords, percent } from "./amounts";
import { deviceName } from "./device";
import { newIncoming } from "./engine";
import { findUnfinished, forgetUnfinished, tidyUp, type Unfinished } from "./ledger";
import { takeAgreement } from "./nearby";
import { useNow, useStay } from "./parts";
import { Receiving } from "./receiving";
import { ReceiveModel } from "./receivemodel";
import { problemOf, problemWords } from "./words";

export function ReceivePage() {
  const from = useMemo(() => parseAddress(location.pathname, location.hash), []);
  if (!from) return <Message words={problemWords({ code: location.pathname === "/t/code" ? "not-found" : "incomplete", message: "" })} />;
  return <Receive from={from} />;
}

function Receive({ from }: { from: NonNullable<Address> }) {
  const model = useMemo(() => new ReceiveModel(newIncoming, deviceName(), from), []);
  useEffect(() => () => model.close(), [model]);
  useEffect(() => void tidyUp("id" in from ? from.id : ""), []);
  model.turn.value;
  useStay(model.transfer.value?.state === "receiving" && model.disk.value?.lasts === false);
  const { look, facts, before, refused } = useLink(from);
  const started = model.transfer.value !== undefined;
  if (started) return <Receiving model={model} />;
  if (refused) return <Message words={problemWords(refused)} onagain={look} />;
  if (!facts) return <main class="page" aria-busy="true" />;
  if (before) return <GoOn model={model} before={before} />;
  return <Gate model={model} facts={facts} secret={"key" in from && from.key.endsWith(".p")} code={"code" in from ? from.code : ""} />;
}

/** What the server and this browser know of the link. */
function useLink(from: NonNullable<Address>) {
  const [facts, setFacts] = useState<TransferFacts>();
  const [before, setBefore] = useState<Unfinished>();
  const [refused, setRefused] = useState<{ code: string; message: string }>();
  const look = () => {
    setRefused(undefined);
    if ("code" in from) return setFacts({ valid: true });
    void findUnfinished(from.id).then((known) => {
      const take = (f: TransferFacts) => {
        const gone = known && f.reason === "revoked"; // else whoever has accepted may come back
        if (gone) void forgetUnfinished(from.id);
        setBefore(gone ? undefined : known);
        if (f.valid || (known && !gone)) setFacts(f);
        else setRefused({ code: f.reason ?? "not-found", message: "" });
      };
      readTransfer(from.id).then(take, (e: unknown) => (known ? take({ valid: true }) : setRefused(problemOf(e))));
    });
  };
  useEffect(look, []);
  return { look, facts, before, refused };
}

/** The deliberate act. */
function Gate({ model, facts, secret, code }: { model: ReceiveModel; facts: TransferFacts; secret: boolean; code: string }) {
  const [passphrase, setPassphrase] = useState("");
  useEffect(() => {
    if ("id" in model.from && takeAgreement(model.from.id) && !secret) void model.start();
  }, [model]);
  const receive = (e: Event) => {
    e.preventDefault();
    void model.start(passphrase);
  };
  return (
    <Frame title="Receive">
      <main class="transfer single">
        <form class="ways gate" onSubmit={receive}>
          <span class="drop-sign">
            <Picture name="drop" size={34} />
          </span>
          <h1>Somebody wants to send you something</h1>
          <p class="quiet">
            {code ? <>With the code <b>{code}</b>. </> : "It comes straight from their device. "}
            You will see what it is before anything is saved.
          </p>
          {secret && (
            <label>
              Passphrase
              <input
                type="text"
                class="passphrase"
                value={passphrase}
                required
                autocomplete="off"
                autocapitalize="none"
                spellcheck={false}
                placeholder="The sender has told you"
                onInput={(e) => setPassphrase(e.currentTarget.value)}
              />
            </label>
          )}
          {isInsecure() ? (
            <InsecureHint what="encryption" />
          ) : (
            <button type="submit" class="primary">
              Receive
            </button>
          )}
          <Clock expires={facts.expires} />
        </form>
      </main>
    </Frame>
  );
}

function Clock({ expires }: { expires?: string | undefined }) {
  const now = useNow();
  const end = expires ? Date.parse(expires) : NaN;
  if (Number.isNaN(end)) return null;
  return (
    <p class="small quiet">
      The link waits <span class="clock">{clockWords(end - now)}</span> more.
    </p>
  );
}

/** This browser began to receive it before. */
function GoOn({ model, before }: { model: ReceiveModel; before: Unfinished }) {
  const forget = () => void forgetUnfinished(before.id).then(() => go("/send"));
  const name = before.name ?? "the transfer";
  return (
    <Frame title={`Go on with ${name}`}>
      <main class="transfer single">
        <section class="ways gate">
          <span class="drop-sign">
            <Picture name="drop" size={34} />
          </span>
          <h1>
            Go on with {name}
            {before.total > 0 && `, ${percent(before.verified, before.total)} %`}
          </h1>
          <p class="quiet">You began to receive it here. What has come is kept; the sender’s page or program must still be open.</p>
          {model.problem.value && (
            <p class="problem small" role="alert">
              {model.problem.value.message || problemWords(model.problem.value).text}
            </p>
          )}
          <button type="button" class="primary" onClick={() => void model.resume(before)}>
            Go on
          </button>
          <button type="button" class="secondary" onClick={forget}>
            Forget it
          </button>
        </section>
      </main>
    </Frame>
  );
}
