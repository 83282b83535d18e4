// The invitations that this tab makes for a room: one to share now, and those made before.
import { computed, signal } from "@preact/signals";
import { ApiError, makeInvitation, readInvitation, readOpenRoom, revokeInvitation, type InvitationWish, type MadeInvitation } from "./api";
import { loadMade, saveMade } from "./memory";

/** An invitation that was made here. */
export interface Made extends MadeInvitation {
  wish: Wish;
  /** It was copied or shared: somebody may hold it. */
  shared: boolean;
  /** For some people, who may have got it: others get one of their own. */
  given?: boolean;
}

export type Wish = Omit<InvitationWish, "room">;

const usual: Wish = { role: "guest", uses: 0, expiresIn: 7 * 86_400 };

export class Invitations {
  readonly wish = signal<Wish>(usual);
  readonly made = signal<Made[]>([]);
  readonly busy = signal(false);
  /** A sentence that says what went wrong. */
  readonly problem = signal("");
  /** The one to share: made as wished, and still good. */
  readonly current = computed(() => this.made.value.find((m) => !m.given && sameWish(m.wish, this.wish.value)));
  /** Others that somebody may hold. */
  readonly others = computed(() => this.made.value.filter((m) => m !== this.current.value && m.shared));
  #turn = 0;

  constructor(
    readonly room: string,
    /** Of the participant who invites: with the moderate grant. */
    readonly token: string,
  ) {
    const good = loadMade(room).filter((m) => Date.parse(m.expires) > Date.now());
    this.made.value = good.map((m) => ({ ...m, given: m.shared && m.wish.uses > 0 }));
  }

  /** Sees that there is one to share. What was made in between and nobody got is withdrawn. */
  async wishFor(change: Partial<Wish>): Promise<void> {
    const turn = ++this.#turn;
    this.wish.value = { ...this.wish.value, ...change };
    this.problem.value = "";
    await this.#check();
    if (this.current.value || turn !== this.#turn) return;
    const wish = this.wish.value;
    this.busy.value = true;
    try {
      const made = await makeInvitation({ room: this.room, ...wish }, this.token);
      this.#keep([{ ...made, wish, shared: false }, ...this.made.value]);
    } catch (e) {
      if (turn === this.#turn) this.problem.value = sentence(e, "The invitation could not be made. Try again.");
    } finally {
      if (turn === this.#turn) this.busy.value = false;
    }
    await this.#dropUnshared();
  }

  /** From now on somebody may hold it. */
  share(): void {
    const current = this.current.value;
    this.#keep(this.made.value.map((m) => (m === current ? { ...m, shared: true } : m)));
  }

  /** Makes one worthless. */
  async withdraw(id: string): Promise<void> {
    this.problem.value = "";
    try {
      await revokeInvitation(id, this.token);
      this.#keep(this.made.value.filter((m) => m.id !== id));
    } catch (e) {
      this.problem.value = sentence(e, "The invitation could not be withdrawn. Try again.");
    }
  }

  /** One from before may have been withdrawn elsewhere. */
  async #check(): Promise<void> {
    const { value: current } = this.current;
    if (!current) return;
    const good = await readInvitation(current.id).then((i) => i.valid, (e) => !(e instanceof ApiError && e.code === "not-found"));
    if (!good) this.#keep(this.made.value.filter((m) => m !== current));
  }

  async #dropUnshared(): Promise<void> {
    const stale = this.made.value.filter((m) => !m.shared && m !== this.current.value);
    this.#keep(this.made.value.filter((m) => !stale.includes(m)));
    await Promise.all(stale.map((m) => revokeInvitation(m.id, this.token).catch(() => {}))); // it ends by itself, too
  }

  #keep(made: Made[]): void {
    this.made.value = made;
    saveMade(this.room, made);
  }
}

function sameWish(a: Wish, b: Wish): boolean {
  return a.role === b.role && a.uses === b.uses && a.expiresIn === b.expiresIn;
}

function sentence(e: unknown, otherwise: string): string {
  return e instanceof Error && e.message ? e.message : otherwise;
}

/** The address by which anybody may enter; undefined where the room is not open to them. */
export async function openAddress(room: string): Promise<string | undefined> {
  try {
    await readOpenRoom(room);
    return `${location.origin}/r/${encodeURIComponent(room)}`;
  } catch {
    return undefined;
  }
}

/** The link as others can open it: one that names this machine by a name of its own use is given the server's
 * address by HTTPS. */
export function reachableLink(link: string, https: string): string {
  if (!https || !onlyHere(link) || onlyHere(https)) return link;
  return new URL(new URL(link).pathname, https).href;
}

/** Whether a browser will warn of the link: no authority gives certificates to addresses of a local network. */
export function warns(link: string): boolean {
  const { protocol, hostname } = new URL(link);
  return protocol === "https:" && /^(\d+\.){3}\d+$|^\[/.test(hostname);
}

/** Whether a link can be opened on this machine only. */
export function onlyHere(link: string): boolean {
  const { hostname } = new URL(link);
  return hostname === "localhost" || hostname.endsWith(".localhost") || hostname.startsWith("127.") || hostname === "[::1]";
}
