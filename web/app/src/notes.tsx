// Notes at the bottom of the stage, and a live region for what is only said.
import type { Call } from "./call";
import { Icon } from "./icons";

export function Notes({ call }: { call: Call }) {
  const { news } = call;
  return (
    <div class="notes">
      <p class="unseen" role="status">
        {news.spoken.value}
      </p>
      <div class="note-list" role="status">
        {news.notes.value.map((note) => (
          <div class="note" key={note.id}>
            <span>{note.text}</span>
            {note.action && (
              <button
                type="button"
                class="plain"
                onClick={() => {
                  news.dismiss(note.id);
                  note.action?.run();
                }}
              >
                {note.action.label}
              </button>
            )}
            <button type="button" class="plain" aria-label="Dismiss" onClick={() => news.dismiss(note.id)}>
              <Icon name="close" size={16} />
            </button>
          </div>
        ))}
      </div>
      {call.audioBlocked.value && (
        <button type="button" class="note action" onClick={() => call.startAudio()}>
          <Icon name="speaker" /> Your browser muted the others. Click to hear them.
        </button>
      )}
    </div>
  );
}
