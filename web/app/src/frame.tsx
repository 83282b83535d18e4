// What stands around every page but the call: the name above, the way on below.
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";

interface Props {
  /** Of the tab; the name of the product is added. */
  title?: string;
  children: ComponentChildren;
}

export function Frame({ title, children }: Props) {
  useEffect(() => {
    document.title = title ? `${title} · Switchyard` : "Switchyard";
  }, [title]);
  return (
    <div class="frame">
      <header class="top">
        <a class="brand" href="/">
          <img src="/favicon.svg" alt="" width="28" height="28" />
          Switchyard
        </a>
      </header>
      {children}
      <footer class="foot">
        <nav aria-label="More">
          <a href="/doctor">Check my connection</a>
          <a href="/admin">Administration</a>
        </nav>
      </footer>
    </div>
  );
}
