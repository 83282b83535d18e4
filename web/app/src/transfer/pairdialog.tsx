// Pairing: this device shows a code, or takes the one that the other shows.
import { useEffect, useMemo, useState } from "preact/hooks";
import type { Pairing } from "../../../sdk/src/transfer/pair";
import { Dialog } from "../dialog";
import { QRPicture } from "../qrpicture";
import { Picture } from "../signs";
import { spokenCode } from "./address";
import { PairingHost, pairWith } from "./engine";
import { mostName, nameThis, ownName, presentation, rememberPair, type Pair } from "./pairs";
import { problemOf, problemWords } from "./words";

/** The code behind /send#pair=…, which is scanned from the other device. It leaves the address: it is good for one try. */
export function takePairCode(): string | undefined {
  const text = /^#pair=([\w-]+)$/.exec(location.hash)?.[1];
  if (text === undefined) return undefined;
  history.replaceState(null, "", location.pathname);
  return spokenCode(text) ?? "";
}

/** `code` was scanned; else it is empty. */
export function PairDialog({ code, token, onclose }: { code: string; token?: string | undefined; onclose(): void }) {
  const [paired, setPaired] = useState<Pair>();
  const take = (p: Pairing) => void rememberPair(p).then(setPaired);
  return (
    <Dialog title="Pair a device" class="pair-dialog" onclose={onclose}>
      {paired ? <Paired pair={paired} onclose={onclose} /> : <Pairer code={code} token={token} onpaired={take} />}
    </Dialog>
  );
}

function Paired({ pair, onclose }: { pair: Pair; onclose(): void }) {
  return (
    <>
      <p class="good-news" role="status">
        <Picture name="check" /> Paired with {pair.name}.
      </p>
      <p class="quiet">Whenever both have this page open, each finds the other in its list, in any network.</p>
      <button type="button" class="primary" onClick={onclose}>
        Done
      </button>
    </>
  );
}

function Pairer({ code, token, onpaired }: { code: string; token?: string | undefined; onpaired(p: Pairing): void }) {
  const [name, setName] = useState(ownName);
  const rename = (e: Event & { currentTarget: HTMLInputElement }) => {
    setName(e.currentTarget.value);
    nameThis(e.currentTarget.value);
  };
  return (
    <div class="pairer">
      {!code && <ShowCode token={token} onpaired={onpaired} />}
      <TypeCode scanned={code} onpaired={onpaired} />
      <label class="small">
        The other device sees this one as
        <input value={name} maxLength={mostName} autocomplete="off" onInput={rename} />
      </label>
    </div>
  );
}

function ShowCode({ token, onpaired }: { token?: string | undefined; onpaired(p: Pairing): void }) {
  const [turn, setTurn] = useState(0);
  const host = useMemo(() => new PairingHost(presentation(), { ...(token && { token }) }), [turn]);
  const [, look] = useState({});
  useEffect(() => {
    host.on("change", () => (host.paired ? onpaired(host.paired) : look({})));
    void host.start();
    return () => host.close();
  }, [host]);
  if (host.error) {
    return (
      <div class="show-code" role="alert">
        <p class="problem small">{host.error.message || problemWords(host.error).text}</p>
        <button type="button" class="secondary" onClick={() => setTurn(turn + 1)}>
          New code
        </button>
      </div>
    );
  }
  const address = `${host.address}/send`;
  return (
    <div class="show-code">
      <figure class="code">
        <QRPicture text={host.code ? `${address}#pair=${host.code}` : ""} />
      </figure>
      <div>
        <p class="small quiet">Scan this with the other device, or open {host.address ? address.replace(/^https:\/\//, "") : "this page"} there, choose “Pair a device” and type:</p>
        <p class="spoken-code" role="status">
          {host.code || "…"}
        </p>
        {host.mistaken && <p class="small problem">Somebody typed a wrong code. This is the new one.</p>}
      </div>
    </div>
  );
}

function TypeCode({ scanned, onpaired }: { scanned: string; onpaired(p: Pairing): void }) {
  const [text, setText] = useState(scanned);
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const take = (e: Event) => {
    e.preventDefault();
    setBusy(true);
    setProblem("");
    pairWith(text, presentation())
      .then(onpaired, (e: unknown) => setProblem(problemOf(e).message || problemWords(problemOf(e)).text))
      .finally(() => setBusy(false));
  };
  return (
    <form class="pair-form" onSubmit={take} aria-busy={busy}>
      <label>
        {scanned ? "Pair with the device that shows this code?" : "Or type the code that the other device shows"}
        <span class="beside">
          <input
            value={text}
            placeholder="7-walnut-umbrella"
            autocomplete="off"
            autocapitalize="none"
            spellcheck={false}
            required
            aria-invalid={problem !== ""}
            aria-describedby={problem ? "pair-problem" : undefined}
            onInput={(e) => setText(e.currentTarget.value)}
          />
          <button type="submit" class={scanned ? "primary" : "secondary"} disabled={busy}>
            {busy ? "Pairing…" : "Pair"}
          </button>
        </span>
      </label>
      {problem && (
        <p class="problem small" id="pair-problem" role="alert">
          {problem}
        </p>
      )}
    </form>
  );
}
