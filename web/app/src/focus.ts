// The focus goes back to where it was when what took it goes.
import { useLayoutEffect, useRef } from "preact/hooks";

/** Call it first in a component that takes the focus: when that is shown no more, who had the focus before has
 * it again, unless something else has it. (A <dialog> that leaves the page while it is open does not see to that.) */
export function useFocusBack(): void {
  const from = useRef(document.activeElement);
  // A layout effect: what is closed before the next frame gives the focus back too.
  useLayoutEffect(() => () => {
    requestAnimationFrame(() => giveBack(from.current)); // when what was covered can have it
  }, []);
}

function giveBack(to: Element | null): void {
  if (document.activeElement === document.body && to instanceof HTMLElement && to.isConnected) to.focus();
}
