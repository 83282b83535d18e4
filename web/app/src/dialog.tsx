// A dialog over the page: the browser keeps the focus inside and gives it back.
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useId, useRef } from "preact/hooks";
import { useFocusBack } from "./focus";
import { Icon } from "./icons";

interface Props {
  title: string;
  class?: string;
  onclose(): void;
  children: ComponentChildren;
}

/** Shown while it is rendered; Escape, the cross and a click beside it call onclose. */
export function Dialog({ title, class: more = "", onclose, children }: Props) {
  useFocusBack();
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useLayoutEffect(() => {
    const dialog = ref.current;
    if (dialog && !dialog.open) dialog.showModal();
    return () => dialog?.close();
  }, []);
  const beside = (e: MouseEvent) => {
    if (e.target === ref.current) onclose(); // the backdrop is the dialog itself
  };
  const escape = (e: Event) => {
    e.preventDefault(); // it goes when it is rendered no more
    onclose();
  };
  return (
    <dialog ref={ref} class={`dialog ${more}`} aria-labelledby={id} onCancel={escape} onMouseDown={beside}>
      <header>
        <h2 id={id}>{title}</h2>
        <button type="button" class="plain" aria-label="Close" title="Close" onClick={onclose}>
          <Icon name="close" />
        </button>
      </header>
      <div class="body">{children}</div>
    </dialog>
  );
}
