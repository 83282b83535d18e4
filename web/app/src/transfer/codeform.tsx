// "Have a code?": the way in for who was told one, or has a link to paste.
import { useState } from "preact/hooks";
import { go } from "../route";
import { receivePath } from "./address";
import { codeText, parseCode } from "./engine";

export function CodeForm() {
  const [text, setText] = useState("");
  const [problem, setProblem] = useState("");
  const take = (e: Event) => {
    e.preventDefault();
    const found = findPath(text);
    if ("path" in found) go(found.path);
    else setProblem(found.problem);
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
            placeholder="7-walnut-umbrella"
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

/** Where a link or a code leads. A code that cannot be right is told before it costs its one try. */
function findPath(text: string): { path: string } | { problem: string } {
  if (text.includes("/")) {
    const path = receivePath(text);
    return path ? { path } : { problem: "A part of that link is missing. Copy the whole link: its end, after #, is the key." };
  }
  const code = parseCode(text);
  if (!("wrong" in code)) return { path: `/t/code#${codeText(code)}` };
  if (!code.wrong) return { problem: "That is neither a code nor a link. Codes look like 7-walnut-umbrella." };
  return { problem: `“${code.wrong}” is no word of a code${code.like ? `: did they say “${code.like}”?` : ". Ask the sender to read it out once more."}` };
}
