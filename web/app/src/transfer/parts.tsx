// What the pages of both ends share: progress, lists of files, something to copy.
import { useEffect, useState } from "preact/hooks";
import { byHand, toClipboard } from "../clipboard";
import { Picture } from "../signs";
import { countWords, percent, sizeWords } from "./amounts";
import type { Line } from "./gather";

export function Progress({ done, total, label }: { done: number; total: number; label: string }) {
  return <progress class="transfer-bar" max={100} value={percent(done, total)} aria-label={label} />;
}

const mostLines = 100; // more are only counted

export function FileList({ lines, onremove }: { lines: readonly Line[]; onremove?: (name: string) => void }) {
  return (
    <ul class="file-list">
      {lines.slice(0, mostLines).map((l) => (
        <li key={l.name}>
          <Picture name={l.folder ? "folder" : "file"} />
          <span class="file-name">{l.name}</span>
          <span class="small quiet">
            {l.folder && `${countWords(l.files, "file")}, `}
            {sizeWords(l.bytes)}
          </span>
          {onremove && (
            <button type="button" class="plain" aria-label={`Remove ${l.name}`} title="Remove" onClick={() => onremove(l.name)}>
              <Picture name="forget" size={18} />
            </button>
          )}
        </li>
      ))}
      {lines.length > mostLines && <li class="small quiet">and {countWords(lines.length - mostLines, "more", "more")}</li>}
    </ul>
  );
}

/** A text in a field, with a button that copies it. */
export function CopyField({ id, label, value, copied: before = false }: { id: string; label: string; value: string; copied?: boolean }) {
  const [said, setSaid] = useState("");
  useEffect(() => setSaid(before ? "Copied." : ""), [value, before]);
  const copy = async () => setSaid((await toClipboard(value, `#${id}`)) ? "Copied." : byHand);
  return (
    <div class="copy-field">
      <div class="link">
        <input id={id} aria-label={label} readOnly value={value} onFocus={(e) => e.currentTarget.select()} />
        <button type="button" class="primary" onClick={() => void copy()}>
          <Picture name={said === "Copied." ? "check" : "copy"} size={20} />
          Copy
        </button>
      </div>
      <p class="small quiet" role="status">
        {said}
      </p>
    </div>
  );
}

/** Ticks while it is shown: for clocks. */
export function useNow(every = 1000): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}

/** The browser asks before the page goes, while `busy`. */
export function useStay(busy: boolean): void {
  useEffect(() => {
    if (!busy) return;
    const ask = (e: BeforeUnloadEvent) => e.preventDefault();
    window.addEventListener("beforeunload", ask);
    return () => window.removeEventListener("beforeunload", ask);
  }, [busy]);
}
