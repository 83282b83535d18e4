// An empty room is no error: it says that nobody is here yet, and how to change that.
import type { Call } from "./call";
import { Icon } from "./icons";
import { canInvite, invitePeople } from "./inviting";

export function Alone({ call }: { call: Call }) {
  return (
    <section class="alone" aria-label="Nobody else is here">
      <p>
        <b>You are the only one here.</b>{" "}
        {canInvite(call) ? "Send someone an invitation." : "Others join with the invitation that you got, or one of their own."}
      </p>
      {canInvite(call) && (
        <button type="button" class="primary" onClick={() => invitePeople(call)}>
          <Icon name="link" size={18} /> Invite people
        </button>
      )}
    </section>
  );
}
