// "Have a code?": the way in for who was told one, or has a link to paste.
import { useState } from "preact/hooks";
import { go } from "../route";
import { receivePath } from "./address";

export function CodeForm() {
  const [text, setText] = useState("");
  const [problem, setProblem] = useState("");
  const take = (e: Event) => {
    e.preventDefault();
    const path = receivePath(text);
    if (path) go(path);
    else setProblem("That is neither a code nor a link. Codes look like 7-crossover-clockwork.");
  };
  return (
    <form class="join code-form" onSubmit={take}>
      <label>
        Have a code, or a link?
        <span class="beside">
          <input
            value={text}
            onInput={(e) => {
              setText(e.currentTarget.value);
              setProblem("");
            }}
            placeholder="7-crossover-clockwork"
            aria-invalid={problem !== ""}
            aria-describedby={problem ? "code-problem" : undefined}
            autocomplete="off"
            autocapitalize="none"
            spellcheck={false}
            required
          />
          <button type="submit" class="secondary">
            Receive
          </button>
        </span>
      </label>
      {problem && (
        <p class="problem small" id="code-problem" role="alert">
          {problem}
        </p>
      )}
    </form>
  );
}
