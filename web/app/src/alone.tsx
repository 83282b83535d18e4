// An empty room is no error: it says that nobody is here yet, and how to change that.
import type { Call } from "./call";
import { Icon } from "./icons";

export function Alone({ call }: { call: Call }) {
  return (
    <section class="alone" aria-label="Nobody else is here">
      <p>
        <b>You are the only one here.</b> Send someone an invitation.
      </p>
      <button type="button" class="primary" onClick={() => (call.view.inviting.value = true)}>
        <Icon name="link" size={18} /> Invite people
      </button>
    </section>
  );
}
