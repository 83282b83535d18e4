// The passphrase was wrong: another try, where the sender still lets one.
import { useEffect, useRef, useState } from "preact/hooks";
import { Frame } from "../frame";
import type { ReceiveModel } from "./receivemodel";

export function PassphraseAgain({ model }: { model: ReceiveModel }) {
  const [text, setText] = useState("");
  const tried = "key" in model.from || model.passphrase !== "";
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  const again = (e: Event) => {
    e.preventDefault();
    void model.start(text);
  };
  return (
    <Frame title="Receive">
      <main class="transfer single">
        <form class="ways gate" onSubmit={again} aria-busy={model.busy.value}>
          <h1>{tried ? "That was not the right passphrase" : "A passphrase is asked for"}</h1>
          <p class="quiet">{tried ? "Check it with the sender: upper and lower case count. After ten wrong tries the link is withdrawn." : "The sender has one for you, beside the code."}</p>
          <label>
            Passphrase
            <input
              ref={field}
              class="passphrase"
              value={text}
              required
              autocomplete="off"
              autocapitalize="none"
              spellcheck={false}
              onInput={(e) => setText(e.currentTarget.value)}
            />
          </label>
          <button type="submit" class="primary" disabled={model.busy.value}>
            Try again
          </button>
        </form>
      </main>
    </Frame>
  );
}
