// What stands beside the call, and over it on a phone: it takes the focus and gives it back.
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { useFocusBack } from "./focus";
import { Icon } from "./icons";

interface Props {
  /** What it is, for its name and its cross. */
  name: string;
  title?: string;
  class?: string;
  onclose(): void;
  children: ComponentChildren;
}

export function Panel({ name, title = name, class: more = "", onclose, children }: Props) {
  useFocusBack();
  const ref = useRef<HTMLElement>(null);
  useLayoutEffect(() => {
    const panel = ref.current;
    if (panel && !panel.contains(document.activeElement)) panel.focus();
  }, []);
  return (
    <aside ref={ref} class={`panel ${more}`} aria-label={name} tabIndex={-1} onKeyDown={(e) => e.key === "Escape" && onclose()}>
      <header>
        <h2>{title}</h2>
        <button type="button" class="plain" aria-label={`Close ${name.toLowerCase()}`} title="Close" onClick={onclose}>
          <Icon name="close" />
        </button>
      </header>
      {children}
    </aside>
  );
}
