// While one receives: what is offered, how far it is, and what has come.
import { useEffect, useRef } from "preact/hooks";
import type { Incoming, Offer } from "../../../sdk/src/transfer/shape";
import { Frame } from "../frame";
import { Message } from "../message";
import { countWords, leftWords, percent, rateWords, sizeWords } from "./amounts";
import { canChooseFolder, chooseFolder } from "./choosedisk";
import { ChoiceList } from "./choicelist";
import { Done } from "./done";
import { FileList, Progress } from "./parts";
import { PassphraseAgain } from "./passphrase";
import type { ReceiveModel } from "./receivemodel";
import { detailedWords, wayWords } from "./words";

export function Receiving({ model }: { model: ReceiveModel }) {
  model.turn.value;
  const t = model.transfer.value;
  const problem = model.problem.value;
  if (!t) return null;
  const again = () => void model.again();
  if (t.state === "complete" && (model.saved.value || t.text !== undefined)) return <Done model={model} transfer={t} />;
  if (problem?.code === "wrong-secret" && model.taken?.key.endsWith(".p")) return <PassphraseAgain model={model} />;
  if (problem?.code === "wrong-secret") return <Message words={wrongCode} />;
  if (model.stopped.value) return <Message words={stopped} />;
  const stays = t.state === "offered" && (problem?.code === "disk" || problem?.code === "disk-full"); // another place may do
  if (problem && !stays) return <Message words={detailedWords(problem)} onagain={again} again="Go on" />;
  if (t.state === "offered" && t.offer && !model.disk.value) return <OfferCard model={model} offer={t.offer} />;
  return <Moving model={model} transfer={t} />;
}

const wrongCode = {
  title: "That was not the right code",
  text: "A code is good for one try, so nobody can guess it. Ask the sender for a new one.",
  again: false,
  sign: "lock",
} as const;

const stopped = {
  title: "You stopped it",
  text: "Nothing of it is kept. The sender was told; to have it after all, ask for a new link.",
  again: false,
  sign: "end",
} as const;

function OfferCard({ model, offer }: { model: ReceiveModel; offer: Offer }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  const choice = model.choice.value;
  choice?.turn.value;
  const { busy } = model;
  const no = busy.value || choice?.none === true;
  const where = async () => {
    const folder = await chooseFolder();
    if (folder) await model.accept(folder);
  };
  return (
    <Frame title="Receive">
      <main class="transfer single">
        <section class="ways offer" aria-busy={busy.value}>
          <h1 ref={heading} tabIndex={-1}>
            {offer.name}
          </h1>
          <p class="quiet">
            {countWords(offer.files, "file")}, {sizeWords(offer.bytes)}. Do you want {offer.files === 1 ? "it" : "them"}?
          </p>
          {choice ? <ChoiceList choice={choice} /> : <FileList lines={[{ name: offer.name, folder: offer.files === 0, files: offer.files, bytes: offer.bytes }]} />}
          {model.problem.value && (
            <p class="problem small" role="alert">
              {detailedWords(model.problem.value).text}
            </p>
          )}
          <div class="row">
            <button type="button" class="primary" disabled={no} onClick={() => void model.accept()}>
              Accept
            </button>
            {canChooseFolder() && (
              <button type="button" class="secondary" disabled={no} onClick={() => void where()}>
                Choose where…
              </button>
            )}
            <button type="button" class="plain" onClick={() => void model.cancel()}>
              No, thanks
            </button>
          </div>
        </section>
      </main>
    </Frame>
  );
}

/** From the click until everything is there. */
function Moving({ model, transfer: t }: { model: ReceiveModel; transfer: Incoming }) {
  model.turn.value; // a component that reads signals is shown anew for them only
  const moving = t.state === "receiving" || t.total > 0;
  return (
    <Frame title={moving ? `${percent(t.verified, t.total)} %` : "Receive"}>
      <main class="transfer single">
        <section class="ways moving">
          <h1>{moving && t.offer ? t.offer.name : "Receive"}</h1>
          {moving && <Progress done={t.verified} total={t.total} label="Received" />}
          <p role="status" class="quiet">
            {stateWords(t)}
          </p>
          {moving && <Numbers transfer={t} />}
          <div class="row">
            <button type="button" class="secondary" onClick={() => void model.cancel()}>
              Stop
            </button>
          </div>
          {t.state === "receiving" && <p class="small quiet">{aboutLeaving(model)}</p>}
        </section>
      </main>
    </Frame>
  );
}

function Numbers({ transfer: t }: { transfer: Incoming }) {
  const parts = [`${sizeWords(t.verified)} of ${sizeWords(t.total)}`, t.rate > 0 && rateWords(t.rate), leftWords(t.total - t.verified, t.rate)];
  return <p class="small quiet numbers">{parts.filter(Boolean).join(" · ")}</p>;
}

function stateWords(t: Incoming): string {
  switch (t.state) {
    case "new":
    case "joining":
      return "Taking the link…";
    case "waiting":
      return "The sender is not there. It goes on by itself as soon as they are back with their page or program.";
    case "connecting":
      return "Connecting to the sender’s device…";
    case "offered":
      return "Making room…";
    case "receiving":
      return t.way ? `Receiving, ${wayWords(t.way)}` : "Receiving";
    case "complete":
      return "Putting everything in its place…";
    case "ended":
      return "It has ended.";
  }
}

function aboutLeaving(model: ReceiveModel): string {
  if (model.disk.value?.lasts === false) return "Keep this page open until all of it is here.";
  return "Keep this page open. If it closes anyway, open the link again in this browser, and it goes on.";
}
