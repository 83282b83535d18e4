// Everything has come: the message, or the files and what one can do with them.
import { useEffect, useRef, useState } from "preact/hooks";
import type { Incoming } from "../../../sdk/src/transfer/shape";
import { byHand, toClipboard } from "../clipboard";
import { Frame } from "../frame";
import { Picture } from "../signs";
import { countWords, sizeWords } from "./amounts";
import { download, type SavedFile } from "./disks";
import { openType, saveName } from "./names";
import type { ReceiveModel } from "./receivemodel";
import { Remember } from "./remember";

export function Done({ model, transfer }: { model: ReceiveModel; transfer: Incoming }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  return (
    <Frame title="Received">
      <main class="transfer single">
        <section class="ways done">
          <span class="drop-sign good">
            <Picture name="check" size={34} />
          </span>
          <h1 ref={heading} tabIndex={-1}>
            {transfer.text !== undefined ? "A message for you" : "It is all here"}
          </h1>
          {transfer.text !== undefined ? <Text text={transfer.text} /> : <Files model={model} transfer={transfer} />}
          <Remember id={model.taken?.id ?? ""} name={transfer.sender?.name ?? ""} secret={transfer.sender?.pair} />
          <a class="secondary" href="/send">
            Send something
          </a>
        </section>
      </main>
    </Frame>
  );
}

function Text({ text }: { text: string }) {
  const [said, setSaid] = useState("");
  const copy = async () => setSaid((await toClipboard(text, "#message")) ? "Copied." : byHand);
  const link = /^https?:\/\/\S+$/.exec(text.trim())?.[0];
  return (
    <>
      <textarea id="message" class="message-text" aria-label="The message" readOnly rows={Math.min(14, text.split("\n").length + 1)} value={text} />
      <div class="row">
        <button type="button" class="primary" onClick={() => void copy()}>
          <Picture name={said === "Copied." ? "check" : "copy"} size={20} />
          Copy
        </button>
        {link && (
          <a class="secondary" href={link} target="_blank" rel="noopener noreferrer">
            Open the link
          </a>
        )}
      </div>
      <p class="small quiet" role="status">
        {said}
      </p>
    </>
  );
}

const mostSingle = 100; // files that are listed one by one

function Files({ model, transfer }: { model: ReceiveModel; transfer: Incoming }) {
  const saved = model.saved.value;
  if (!saved) return null;
  const { offer } = transfer;
  const { chosenFiles: count = offer?.files ?? 0, chosenBytes: bytes = offer?.bytes ?? 0 } = model.choice.value ?? {};
  const list = saved.files.slice(0, mostSingle);
  return (
    <>
      <p class="quiet">
        {countWords(count, "file")}, {sizeWords(bytes)}. Every byte was checked. You find {count === 1 ? "it" : "them"} {saved.where}.
      </p>
      {list.length > 0 && (
        <ul class="file-list">
          {list.map((f) => (
            <SavedRow key={f.path} file={f} save={saved.save !== undefined} />
          ))}
        </ul>
      )}
      {saved.save && (
        <>
          <button type="button" class="primary" onClick={() => void saved.save?.()}>
            Save again
          </button>
          <p class="small quiet">The browser keeps a copy for you until you leave this page.</p>
        </>
      )}
    </>
  );
}

function SavedRow({ file, save }: { file: SavedFile; save: boolean }) {
  const name = file.path.split("/").pop() ?? file.path;
  const type = openType(name);
  const open = async () => {
    // With a type of our choice: what the sender calls it does not decide how it is shown.
    const url = URL.createObjectURL(new Blob([await file.blob()], { type: type ?? "" }));
    window.open(url, "_blank", "noopener");
    setTimeout(() => URL.revokeObjectURL(url), 600_000);
  };
  const keep = async () => download(await file.blob(), saveName(name));
  return (
    <li>
      <Picture name="file" />
      <span class="file-name" title={file.path}>
        {name}
      </span>
      <span class="small quiet">{sizeWords(file.size)}</span>
      {type && (
        <button type="button" class="plain" aria-label={`Open ${name}`} onClick={() => void open()}>
          Open
        </button>
      )}
      {save && (
        <button type="button" class="plain" aria-label={`Save ${name}`} onClick={() => void keep()}>
          Save
        </button>
      )}
    </li>
  );
}
