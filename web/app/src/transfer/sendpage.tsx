// Sending: what, the link for it, and who has got it. Everything dropped or pasted anywhere on the page counts.
import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useState } from "preact/hooks";
import { readServer, type ServerFacts } from "../api";
import { isInsecure } from "../browser";
import { Frame } from "../frame";
import { InsecureHint } from "../insecure";
import { Picture } from "../signs";
import { CodeForm } from "./codeform";
import { deviceName } from "./device";
import { newOutgoing } from "./engine";
import { fromDrop, fromPaste } from "./gather";
import { tidyUp } from "./ledger";
import { Nearby } from "./nearby";
import { NearbyDevices, NearbyQuestion } from "./nearbylist";
import { useStay } from "./parts";
import { Review, WhatToSend } from "./sendchoose";
import { Sending } from "./sendlink";
import { SendModel } from "./sendmodel";
import { Unfinished } from "./unfinished";
import { readyWorker, takeShared } from "./worker";

export function SendPage() {
  const model = useMemo(() => new SendModel(newOutgoing, { name: deviceName(), ...tokenOfAddress() }), []);
  const nearby = useMemo(() => new Nearby(model.who.name, model.who.token), [model]);
  useEffect(() => () => nearby.close(), [nearby]);
  const [facts, setFacts] = useState<ServerFacts>();
  const [problem, setProblem] = useState("");
  const look = () => {
    setProblem("");
    readServer().then(setFacts, () => setProblem("The server does not answer. Check your internet connection."));
  };
  useEffect(look, []);
  useEffect(() => void prepare(model), [model]);
  useEffect(() => () => model.clear(), [model]);
  useStay(model.busy.value);
  const insecure = isInsecure();
  const open = facts && !insecure && (facts.open || model.who.token !== undefined);
  const dragging = useEverywhere(model, open === true);
  const started = model.transfer.value !== undefined;
  const chosen = model.items.value.length > 0 || model.text.value !== undefined;
  return (
    <Frame title="Send files">
      <main class={dragging ? "transfer dragging" : "transfer"}>
        {!started && (
          <div class="welcome">
            <h1>Send files, straight from device to device.</h1>
            <p class="quiet">Any size, encrypted from end to end. They open a link; nothing is stored on the way.</p>
          </div>
        )}
        {problem && (
          <div class="hint" role="alert">
            <p>{problem}</p>
            <button type="button" class="plain" onClick={look}>
              Try again
            </button>
          </div>
        )}
        {started ? <Sending model={model} /> : open && (chosen ? <Review model={model} /> : <WhatToSend model={model} />)}
        {insecure && <InsecureHint what="encryption" />}
        {facts && !open && !insecure && <Closed />}
        {!started && !chosen && <CodeForm />}
        {open && facts.nearby && (!started || model.open.value) && <NearbyDevices nearby={nearby} model={model} />}
        {!started && !chosen && <Unfinished />}
      </main>
      <NearbyQuestion nearby={nearby} />
      {dragging && (
        <div class="drop-veil" aria-hidden="true">
          <Picture name="plus" size={40} />
          <p>Drop to send</p>
        </div>
      )}
    </Frame>
  );
}

/** A token in the fragment, where the server is not open; as on the page of administration. */
function tokenOfAddress(): { token?: string } {
  const key = "switchyard:send-token";
  const token = /^#token=(.+)$/.exec(location.hash)?.[1];
  try {
    if (token) {
      sessionStorage.setItem(key, token);
      history.replaceState(null, "", location.pathname);
    }
    const kept = token ?? sessionStorage.getItem(key);
    return kept ? { token: kept } : {};
  } catch {
    return token ? { token } : {};
  }
}

/** What was shared with this app from another one, and what old transfers have left. */
async function prepare(model: SendModel): Promise<void> {
  if (new URLSearchParams(location.search).has("shared")) {
    const shared = await takeShared();
    history.replaceState(null, "", "/send");
    if (shared) model.add(shared);
    else model.problem.value = { code: "failed", message: "What you shared did not arrive. Share it once more, or choose the files here." };
  }
  void readyWorker(); // so that the share menu has one
  void tidyUp();
}

/** Drops and pastes, wherever on the page; true while something is held over it. */
function useEverywhere(model: SendModel, open: boolean): boolean {
  const over = useSignal(false);
  useEffect(() => {
    if (!open) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const hover = (e: DragEvent) => {
      if (!e.dataTransfer?.types.some((t) => t === "Files" || t === "text/plain") || model.transfer.value) return;
      e.preventDefault();
      over.value = true;
      clearTimeout(timer);
      timer = setTimeout(() => (over.value = false), 300); // it comes again and again while something is held there
    };
    const drop = (e: DragEvent) => {
      over.value = false;
      if (!e.dataTransfer || model.transfer.value || isField(e.target)) return;
      e.preventDefault();
      void model.addLater(fromDrop(e.dataTransfer));
    };
    const paste = (e: ClipboardEvent) => {
      if (!e.clipboardData || model.transfer.value) return;
      if (isField(e.target) && e.clipboardData.files.length === 0) return;
      e.preventDefault();
      model.add(fromPaste(e.clipboardData));
    };
    window.addEventListener("dragover", hover);
    window.addEventListener("drop", drop);
    window.addEventListener("paste", paste);
    return () => {
      clearTimeout(timer);
      window.removeEventListener("dragover", hover);
      window.removeEventListener("drop", drop);
      window.removeEventListener("paste", paste);
    };
  }, [model, open]);
  return over.value;
}

function isField(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest("input, textarea") !== null;
}

/** Where not everybody may send: how one does. */
function Closed() {
  return (
    <div class="ways closed">
      <h2>This server lets only invited people send</h2>
      <p class="quiet">You can receive: open the link that you were sent, or type the code below. To send, ask whoever runs the server for a link to this page.</p>
      <details class="small quiet">
        <summary>You run this server?</summary>
        <p>
          Make a token with <code>switchyard token --room transfers --identity NAME --grants data</code> and open <code>/send#token=…</code> with it. On the server itself <code>switchyard send</code> works as
          it is. To let everybody send, run the server with <code>--open</code>.
        </p>
      </details>
    </div>
  );
}
