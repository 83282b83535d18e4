// Pages that are loaded when they are opened.
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";

/** A component that is fetched when it is first shown. */
export function lazy(load: () => Promise<ComponentType>): ComponentType {
  return function Lazy() {
    const [Loaded, setLoaded] = useState<ComponentType>();
    const [failed, setFailed] = useState(false);
    useEffect(() => {
      load().then((c) => setLoaded(() => c), () => setFailed(true));
    }, []);
    if (Loaded) return <Loaded />;
    if (!failed) return <main class="page" aria-busy="true" />;
    return (
      <main class="page">
        <div class="card" role="alert">
          <h1>This page did not load</h1>
          <p class="quiet">The connection may be gone, or the server was just renewed. Load the page again.</p>
          <button type="button" class="primary" onClick={() => location.reload()}>
            Load again
          </button>
        </div>
      </main>
    );
  };
}
