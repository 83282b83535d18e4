// The sheet of keyboard shortcuts.
import type { Call } from "./call";
import { Dialog } from "./dialog";
import { enable, enabled, shortcuts } from "./shortcuts";

export function HelpSheet({ call }: { call: Call }) {
  return (
    <Dialog title="Keyboard shortcuts" class="help" onclose={() => (call.view.help.value = false)}>
      <dl class="keys">
        {shortcuts.map((s) => (
          <div key={s.key}>
            <dt>
              <kbd>{s.shown ?? s.key.toUpperCase()}</kbd>
            </dt>
            <dd>{s.does}</dd>
          </div>
        ))}
        <div>
          <dt>
            <kbd>Space</kbd>
          </dt>
          <dd>Hold to speak while your microphone is off</dd>
        </div>
      </dl>
      <label class="switch">
        <input type="checkbox" checked={enabled.value} onChange={(e) => enable(e.currentTarget.checked)} />
        Single keys do these things
      </label>
    </Dialog>
  );
}
