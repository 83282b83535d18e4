// The chat beside the call. Texts are shown as texts: nothing is opened or fetched.
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Chat, Line } from "./chat";
import { Icon } from "./icons";

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });

export function ChatPanel({ chat, may }: { chat: Chat; may: boolean }) {
  const end = useRef<HTMLDivElement>(null);
  const lines = chat.lines.value;
  useLayoutEffect(() => end.current?.scrollIntoView({ block: "end" }), [lines.length]);
  return (
    <aside class="chat" aria-label="Chat" onKeyDown={(e) => e.key === "Escape" && chat.toggle()}>
      <header>
        <h2>Chat</h2>
        <button type="button" class="plain" aria-label="Close chat" onClick={() => chat.toggle()}>
          <Icon name="close" />
        </button>
      </header>
      <div class="lines" role="log" aria-live="polite">
        {lines.length === 0 && <p class="quiet">Messages are seen by everyone who is here now.</p>}
        {lines.map((line) => (
          <ChatLine key={line.id} line={line} />
        ))}
        <div ref={end} />
      </div>
      {may ? <Composer chat={chat} /> : <p class="quiet">Your invitation does not allow to write.</p>}
    </aside>
  );
}

function ChatLine({ line }: { line: Line }) {
  return (
    <div class={line.yours ? "line yours" : "line"}>
      <p class="by">
        <b>{line.name}</b> <time>{clock.format(line.at)}</time>
      </p>
      <p class="text">{line.text}</p>
      {line.failed && <p class="problem">Not sent. {line.failed}</p>}
    </div>
  );
}

function Composer({ chat }: { chat: Chat }) {
  const [text, setText] = useState("");
  const input = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => input.current?.focus(), []);
  const send = (e: Event) => {
    e.preventDefault();
    void chat.send(text);
    setText("");
  };
  return (
    <form class="composer" onSubmit={send}>
      <input
        ref={input}
        value={text}
        onInput={(e) => setText(e.currentTarget.value)}
        placeholder="Message to everyone"
        aria-label="Message to everyone"
        maxLength={4000}
        autocomplete="off"
      />
      <button type="submit" class="plain" aria-label="Send" disabled={text.trim() === ""}>
        <Icon name="send" />
      </button>
    </form>
  );
}
