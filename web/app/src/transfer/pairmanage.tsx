// A paired device gets another name here, or is forgotten.
import { useState } from "preact/hooks";
import { Dialog } from "../dialog";
import { forgetPair, mostName, renamePair, type Pair } from "./pairs";

export function ManagePair({ pair, onclose }: { pair: Pair; onclose(): void }) {
  const [name, setName] = useState(pair.name);
  const rename = (e: Event) => {
    e.preventDefault();
    renamePair(pair.id, name);
    onclose();
  };
  const forget = () => {
    forgetPair(pair.id);
    onclose();
  };
  return (
    <Dialog title={pair.name} onclose={onclose}>
      <form class="pair-form" onSubmit={rename}>
        <label>
          What you call it
          <input value={name} required maxLength={mostName} autocomplete="off" onInput={(e) => setName(e.currentTarget.value)} />
        </label>
        <p class="small quiet">Paired on {new Date(pair.at).toLocaleDateString()}. Once forgotten, neither device sees the other; pair them again with a new code.</p>
        <div class="row">
          <button type="submit" class="primary" disabled={name.trim() === ""}>
            Save
          </button>
          <button type="button" class="secondary danger" onClick={forget}>
            Forget it
          </button>
        </div>
      </form>
    </Dialog>
  );
}
