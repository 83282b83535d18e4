// A page that says one thing, and what to do next.
import { useEffect, useRef } from "preact/hooks";
import { Frame } from "./frame";
import { Picture } from "./signs";
import type { Words } from "./words";

interface Props {
  words: Words;
  /** Tries again, where that can help. */
  onagain?: () => void;
  /** What the button for it says. */
  again?: string;
}

export function Message({ words, onagain, again = "Try again" }: Props) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), [words]); // read aloud, and the next Tab goes to what can be done
  const retry = words.again ? onagain : undefined;
  return (
    <Frame title={words.title}>
      <main class="saying">
        <div class="sign">
          <Picture name={words.sign ?? "lost"} size={34} />
        </div>
        <h1 ref={heading} tabIndex={-1}>
          {words.title}
        </h1>
        <p class="quiet">{words.text}</p>
        <div class="row">
          {retry && (
            <button type="button" class="primary" onClick={retry}>
              {again}
            </button>
          )}
          {words.check && (
            <a class="secondary" href="/doctor">
              Check my connection
            </a>
          )}
          <a class={retry ? "secondary" : "primary"} href="/">
            Go to the start page
          </a>
        </div>
      </main>
    </Frame>
  );
}
