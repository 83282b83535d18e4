// Choosing what to send, and looking at it before the link is made.
import { useEffect, useRef } from "preact/hooks";
import { Picture } from "../signs";
import { countWords, sizeWords } from "./amounts";
import { fromInput, itemLines } from "./gather";
import { FileList } from "./parts";
import type { SendModel } from "./sendmodel";
import { problemWords } from "./words";

export function WhatToSend({ model }: { model: SendModel }) {
  return (
    <section class="ways dropzone" aria-label="What to send" aria-busy={model.reading.value}>
      <span class="drop-sign">
        <Picture name="drop" size={34} />
      </span>
      <p class="lead">{model.reading.value ? "Reading the folder…" : "Drop files or folders anywhere on this page"}</p>
      <Choosers model={model} />
      <p class="small quiet only-mouse">You can also paste: a screenshot, files, or text.</p>
      <Trouble model={model} />
    </section>
  );
}

function Choosers({ model }: { model: SendModel }) {
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  const take = (e: Event) => {
    const input = e.currentTarget as HTMLInputElement;
    model.add({ items: fromInput(input.files ?? []), text: "" });
    input.value = ""; // the same one can be chosen again
  };
  return (
    <div class="choosers">
      <input ref={files} type="file" multiple hidden class="choose-files" onChange={take} />
      <input ref={folder} type="file" hidden class="choose-folder" onChange={take} {...{ webkitdirectory: true }} />
      <button type="button" class={model.items.value.length > 0 ? "secondary" : "primary"} onClick={() => files.current?.click()}>
        <Picture name="file" size={20} />
        {model.items.value.length > 0 ? "Add files" : "Choose files"}
      </button>
      {canChooseFolders() && (
        <button type="button" class="secondary" onClick={() => folder.current?.click()}>
          <Picture name="folder" size={20} />
          {model.items.value.length > 0 ? "Add a folder" : "Choose a folder"}
        </button>
      )}
      {model.items.value.length === 0 && (
        <button type="button" class="secondary" onClick={() => (model.text.value = "")}>
          <Picture name="text" size={20} />
          Write a message
        </button>
      )}
    </div>
  );
}

/** Phones have no folders to choose from. */
function canChooseFolders(): boolean {
  return "webkitdirectory" in HTMLInputElement.prototype && !/Android|iPhone|iPad/.test(navigator.userAgent);
}

/** What was chosen, and the button that makes the link. */
export function Review({ model }: { model: SendModel }) {
  const text = model.text.value;
  const start = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (text === undefined) start.current?.focus(); // Enter is enough
  }, [model.items.value.length]);
  const make = (e: Event) => {
    e.preventDefault();
    void model.start();
  };
  return (
    <form class="ways review" onSubmit={make} aria-busy={model.making.value}>
      {text === undefined ? <Chosen model={model} /> : <Message model={model} text={text} />}
      <Options model={model} />
      <Trouble model={model} />
      <div class="row">
        <button ref={start} type="submit" class="primary" disabled={model.making.value || model.reading.value || text?.trim() === ""}>
          {model.making.value ? "Making the link…" : "Create a link"}
        </button>
        <button type="button" class="plain" onClick={() => model.clear()}>
          Start over
        </button>
      </div>
    </form>
  );
}

function Chosen({ model }: { model: SendModel }) {
  const lines = itemLines(model.items.value);
  const files = lines.reduce((n, l) => n + l.files, 0);
  const bytes = lines.reduce((n, l) => n + l.bytes, 0);
  return (
    <>
      <h2>
        {countWords(files, "file")}, {sizeWords(bytes)}
      </h2>
      <FileList lines={lines} onremove={(name) => model.remove(name)} />
      <Choosers model={model} />
    </>
  );
}

function Message({ model, text }: { model: SendModel; text: string }) {
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => field.current?.focus(), []);
  return (
    <label>
      Your message
      <textarea ref={field} class="message-text" rows={6} value={text} onInput={(e) => (model.text.value = e.currentTarget.value)} />
    </label>
  );
}

const lives = [[600, "10 minutes"], [3600, "1 hour"], [86_400, "1 day"], [604_800, "7 days"]] as const;
const crowds = [[1, "1 person"], [2, "2 people"], [5, "5 people"], [20, "20 people"], [100, "100 people"]] as const;

function Options({ model }: { model: SendModel }) {
  const { receivers, expiresIn, passphrase } = model.wishes.value;
  return (
    <details class="options">
      <summary>Options</summary>
      <div class="options-fields">
        <label>
          For
          <select value={String(receivers)} onChange={(e) => model.wish({ receivers: Number(e.currentTarget.value) })}>
            {crowds.map(([n, words]) => (
              <option key={n} value={String(n)}>
                {words}
              </option>
            ))}
          </select>
        </label>
        <label>
          The link waits
          <select value={String(expiresIn)} onChange={(e) => model.wish({ expiresIn: Number(e.currentTarget.value) })}>
            {lives.map(([s, words]) => (
              <option key={s} value={String(s)}>
                {words}
              </option>
            ))}
          </select>
        </label>
        <label class="wide">
          Passphrase
          <input
            type="text"
            value={passphrase}
            autocomplete="off"
            autocapitalize="none"
            spellcheck={false}
            placeholder="None: the link is enough"
            onInput={(e) => model.wish({ passphrase: e.currentTarget.value })}
          />
        </label>
      </div>
      <p class="small quiet">Keep this page open until they have it: the files come from this device. Tell the passphrase by another way than the link.</p>
    </details>
  );
}

function Trouble({ model }: { model: SendModel }) {
  const problem = model.problem.value;
  if (!problem) return null;
  return (
    <p class="problem small" role="alert">
      {problem.message || problemWords(problem).text}
    </p>
  );
}
