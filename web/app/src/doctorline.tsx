// One finding, as a line.
import type { Finding, FindingState } from "../../sdk/src/protocol";

export function Line({ finding: f }: { finding: Finding }) {
  return (
    <li class={`finding ${f.state}`} data-finding={f.id} data-state={f.state}>
      <Mark state={f.state} />
      <div>
        <h3>{f.title}</h3>
        <p>{f.text}</p>
        {f.fix && <p class="fix">{f.fix}</p>}
      </div>
    </li>
  );
}

const marks: Record<FindingState, { path: string; word: string }> = {
  ok: { path: "M6.500 12.500 10.500 16.500 17.500 8.500", word: "good" },
  warn: { path: "M12 6.500v7M12 17.200v.3", word: "could be better" },
  fail: { path: "M8 8l8 8M16 8l-8 8", word: "does not work" },
  skip: { path: "M8 12h8", word: "not looked at" },
};

/** The shape says what the colour says. */
export function Mark({ state }: { state: FindingState }) {
  return (
    <svg class="finding-mark" viewBox="0 0 24 24" role="img" aria-label={marks[state].word}>
      <circle cx="12" cy="12" r="11" />
      <path d={marks[state].path} />
    </svg>
  );
}
