// The chat beside the call. Texts are shown as texts; links are opened by a click and nothing else.
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Call } from "./call";
import type { Chat, Line } from "./chat";
import { linkParts } from "./chatlinks";
import { Icon } from "./icons";
import { Panel } from "./panel";

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const sameBreath = 120_000; // ms: lines of one person within it stand under one name
const nearEnd = 60; // px from the end: who has scrolled up to read stays there

export function ChatPanel({ call }: { call: Call }) {
  const { chat } = call;
  const list = useRef<HTMLDivElement>(null);
  const follow = useRef(true);
  const lines = chat.lines.value;
  useLayoutEffect(() => {
    const e = list.current;
    if (e && (follow.current || lines[lines.length - 1]?.yours)) e.scrollTop = e.scrollHeight;
  }, [lines.length]);
  const scrolled = (e: { currentTarget: HTMLElement }) => {
    const { scrollHeight, scrollTop, clientHeight } = e.currentTarget;
    follow.current = scrollHeight - scrollTop - clientHeight < nearEnd;
  };
  return (
    <Panel name="Chat" class="chat" onclose={() => call.view.toggleChat()}>
      <div class="lines" ref={list} role="log" aria-label="Messages" aria-live="polite" tabIndex={0} onScroll={scrolled}>
        {lines.length === 0 && (
          <p class="empty quiet">
            <Icon name="chat" size={28} />
            No messages yet. Everyone who is here now sees what you write; nothing is kept.
          </p>
        )}
        {lines.map((line, i) => (
          <ChatLine key={line.id} line={line} before={lines[i - 1]} />
        ))}
      </div>
      {call.room.grants.data ? <Composer chat={chat} /> : <p class="quiet forbidden">Your invitation does not allow to write.</p>}
    </Panel>
  );
}

function ChatLine({ line, before }: { line: Line; before: Line | undefined }) {
  const goesOn = before && before.name === line.name && before.yours === line.yours && line.at - before.at < sameBreath;
  return (
    <div class={["line", line.yours && "yours", goesOn && "goes-on"].filter(Boolean).join(" ")}>
      {!goesOn && (
        <p class="by">
          <b>{line.name}</b> <time>{clock.format(line.at)}</time>
        </p>
      )}
      <p class="text">
        {linkParts(line.text).map((part, i) =>
          part.link ? (
            <a key={i} href={part.text} target="_blank" rel="noopener noreferrer nofollow">
              {part.text}
            </a>
          ) : (
            part.text
          ),
        )}
      </p>
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
