// Which tracks this participant looks at, and how large: told to the server after a moment's rest.
import type { Subscribe, TrackID, Wish } from "./protocol";

const rest = 100; // ms: a new layout changes many tiles at once

/** A wish of one who looks: several may look at one track. */
export interface Look extends Wish {
  /** It is seen even while the page is not: in a picture-in-picture window. */
  always?: boolean;
}

/** Wishes collects what is shown and sends one `subscribe` when it changed. */
export class Wishes {
  #looks = new Map<unknown, Look>();
  #fixed?: Subscribe; // set by the application itself
  #began = false; // something was shown: until then the server chooses
  #hidden = false;
  #timer?: ReturnType<typeof setTimeout>;
  #sent = "";

  constructor(
    readonly send: (subscribe: Subscribe) => void,
    /** Sorts tracks: those that come first get a slot when there are too few. */
    readonly compare: (a: TrackID, b: TrackID) => number = () => 0,
    /** Only what is shown is wished, and everyone's sound. Else the server fills the free slots. */
    readonly onlyShown = false,
    private playout?: Subscribe["playout"],
  ) {}

  /** Chooses what pictures are for; undefined leaves it to the browser. */
  play(playout: Subscribe["playout"]): void {
    this.playout = playout;
    this.changed();
  }

  /** Sets the wish of one who looks; without a name, a track has one. */
  set(look: Look, who: unknown = look.track): void {
    this.#began = true;
    this.#looks.set(who, look);
    this.changed();
  }

  delete(who: unknown): void {
    if (this.#looks.delete(who)) this.changed();
  }

  /** While the page is not seen, only what is always seen is wished. */
  hide(hidden: boolean): void {
    if (hidden === this.#hidden) return;
    this.#hidden = hidden;
    this.changed();
  }

  /** Sends exactly this from now on; undefined goes back to what is shown. */
  fix(subscribe: Subscribe | undefined): void {
    this.#fixed = subscribe;
    this.changed();
  }

  changed(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#flush();
    }, rest);
  }

  /** A new session starts without wishes. */
  renew(): void {
    this.#sent = "";
    this.changed();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #flush(): void {
    const subscribe = { ...(this.#fixed ?? this.#collect()), playout: this.playout };
    const text = JSON.stringify(subscribe);
    if (text === this.#sent || (this.#sent === "" && text === JSON.stringify({ wishes: [], auto: true }))) return;
    this.#sent = text;
    this.send(subscribe);
  }

  #collect(): Subscribe {
    const wishes = new Map<TrackID, Wish>();
    for (const look of this.#looks.values()) {
      if (!this.#hidden || look.always) wishes.set(look.track, larger(look, wishes.get(look.track)));
    }
    const list = [...wishes.values()].sort((a, b) => this.compare(a.track, b.track));
    return this.onlyShown && this.#began ? { wishes: list, sound: true } : { wishes: list, auto: true };
  }
}

/** What satisfies both. */
function larger(a: Look, b: Wish | undefined): Wish {
  const { always: _, ...wish } = a;
  if (!b) return wish;
  const most = (x = 0, y = 0) => Math.max(x, y) || undefined;
  return { ...wish, width: most(a.width, b.width), height: most(a.height, b.height), pinned: a.pinned || b.pinned || undefined };
}
