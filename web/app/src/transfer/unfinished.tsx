// What one began to receive here and has not all of.
import { useEffect, useState } from "preact/hooks";
import { go } from "../route";
import { Picture } from "../signs";
import { percent } from "./amounts";
import { forgetUnfinished, loadUnfinished, type Unfinished as Entry } from "./ledger";

export function Unfinished() {
  const [list, setList] = useState<Entry[]>([]);
  const look = () => void loadUnfinished().then((all) => setList(all.filter((u) => u.name)));
  useEffect(look, []);
  if (list.length === 0) return null;
  const forget = (id: string) => void forgetUnfinished(id).then(look);
  return (
    <section class="recents" aria-labelledby="unfinished-title">
      <h2 id="unfinished-title">Not all here yet</h2>
      <ul>
        {list.map((u) => (
          <li key={u.id}>
            <a href={pathOf(u)} onClick={(e) => open(e, pathOf(u))}>
              <span class="name">Go on with {u.name}</span>
              <span class="small quiet">{percent(u.verified, u.total)} %</span>
            </a>
            <button type="button" class="plain" aria-label={`Forget ${u.name}`} title="Forget" onClick={() => forget(u.id)}>
              <Picture name="forget" size={18} />
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

function pathOf(u: Entry): string {
  return `/t/${u.id}#${u.key}`;
}

function open(e: MouseEvent, path: string): void {
  if (e.ctrlKey || e.metaKey || e.shiftKey || e.button !== 0) return;
  e.preventDefault();
  go(path);
}
