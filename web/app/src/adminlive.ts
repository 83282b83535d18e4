// What the admin page knows: the overview that comes once a second, and what follows from two of them.
import { computed, signal } from "@preact/signals";
import type { Diagnosis, LinkDetail, Overview, ParticipantID, RoomDetail, StreamDetail } from "../../sdk/src/protocol";

const historyLength = 60; // seconds of a sparkline
const retryAfter = 2000; // ms
const silent = 8000; // ms without an overview: the stream is dead

/** What flows one way of a link. Rates are in bit/s, loss is 0 to 1. */
export interface Flow {
  rate: number;
  loss: number;
  /** The rates of the last minute, oldest first. */
  history: readonly number[];
}

/** A link as the page shows it. */
export interface LinkView {
  detail: LinkDetail;
  room: string;
  /** Who is at its other end. */
  name: string;
  participant?: ParticipantID;
  in: Flow;
  out: Flow;
}

export interface RoomView {
  room: RoomDetail;
  links: readonly LinkView[];
}

/** The parts of a stream of server-sent events (WHATWG HTML §9.2): text in, the data of each event out. */
export class EventReader {
  private rest = "";

  feed(text: string): string[] {
    this.rest += text.replaceAll("\r", "");
    const events = this.rest.split("\n\n");
    this.rest = events.pop() ?? "";
    return events.flatMap((e) => {
      const lines = e.split("\n").filter((l) => l.startsWith("data:"));
      return lines.length ? [lines.map((l) => l.slice(5).replace(/^ /, "")).join("\n")] : [];
    });
  }
}

const sum = (streams: readonly StreamDetail[], of: (s: StreamDetail) => number) => streams.reduce((n, s) => n + of(s), 0);

/** What flowed between two moments, `seconds` apart. */
export function flowOf(now: readonly StreamDetail[], before: readonly StreamDetail[] | undefined, seconds: number, history: readonly number[]): Flow {
  if (!before || seconds <= 0) return { rate: 0, loss: 0, history };
  const grown = (of: (s: StreamDetail) => number) => Math.max(0, sum(now, of) - sum(before, of));
  const rate = (grown((s) => s.bytes) * 8) / seconds;
  const lost = grown((s) => s.lost), packets = grown((s) => s.packets);
  return { rate, loss: lost ? lost / (lost + packets) : 0, history: [...history, rate].slice(-historyLength) };
}

/** Joins an overview with the one before it. */
export function viewRooms(now: Overview, before: Overview | undefined, last: readonly RoomView[]): RoomView[] {
  const seconds = before ? (now.at - before.at) / 1e6 : 0;
  const old = new Map(before?.rooms.flatMap((r) => r.links.map((l) => [l.link, l] as const)));
  const views = new Map(last.flatMap((r) => r.links.map((l) => [l.detail.link, l] as const)));
  return now.rooms.map((room) => ({
    room,
    links: room.links.map((detail): LinkView => {
      const person = room.participants.find((p) => p.id === detail.participant);
      const was = old.get(detail.link), view = views.get(detail.link);
      const out = flowOf(detail.out, was?.out, seconds, view?.out.history ?? []);
      return {
        detail,
        room: room.room,
        name: person?.name || person?.id || detail.participant || "viewer",
        ...(detail.participant ? { participant: detail.participant } : {}),
        in: flowOf(detail.in, was?.in, seconds, view?.in.history ?? []),
        out: { ...out, loss: Math.max(out.loss, detail.loss) },
      };
    }),
  }));
}

export class RefusedError extends Error {}

/** A connection to the admin API. */
export class Admin {
  readonly overview = signal<Overview | undefined>(undefined);
  readonly rooms = signal<readonly RoomView[]>([]);
  /** CPU in cores since the overview before. */
  readonly cpu = signal(0);
  /** Why nothing comes; "" when it does. */
  readonly problem = signal("");
  /** The server's findings about itself. */
  readonly diagnosis = signal<Diagnosis | undefined>(undefined);
  readonly people = computed(() => this.rooms.value.reduce((n, r) => n + r.room.participants.length + r.room.viewers, 0));
  private readonly stop = new AbortController();

  constructor(private readonly token: string, private readonly refused: (why: string) => void) {}

  end(): void {
    this.stop.abort();
  }

  /** Reads overviews until end(), again and again when the connection breaks. */
  async run(): Promise<void> {
    void this.diagnose();
    while (!this.stop.signal.aborted) {
      try {
        await this.read();
        this.problem.value = "The server has ended the stream. Trying again …";
      } catch (err) {
        if (this.stop.signal.aborted) return;
        if (err instanceof RefusedError) return this.refused(err.message);
        this.problem.value = "The server does not answer. Trying again …";
      }
      await new Promise((resolve) => setTimeout(resolve, retryAfter));
    }
  }

  private async read(): Promise<void> {
    const broken = new AbortController();
    const response = await this.get("/v1/admin/live", AbortSignal.any([this.stop.signal, broken.signal]));
    if (!response.body) throw new Error("no body");
    const events = new EventReader(), text = new TextDecoder();
    let timer = 0;
    const alive = () => {
      clearTimeout(timer);
      timer = window.setTimeout(() => broken.abort(), silent);
    };
    try {
      alive();
      const reader = response.body.getReader();
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        for (const data of events.feed(text.decode(part.value, { stream: true }))) {
          alive();
          this.take(JSON.parse(data) as Overview);
        }
      }
    } finally {
      clearTimeout(timer);
    }
  }

  private take(now: Overview): void {
    const before = this.overview.value;
    this.rooms.value = viewRooms(now, before, this.rooms.value);
    if (before && now.at > before.at) this.cpu.value = (now.server.cpuSeconds - before.server.cpuSeconds) / ((now.at - before.at) / 1e6);
    this.overview.value = now;
    this.problem.value = "";
  }

  async diagnose(): Promise<void> {
    try {
      this.diagnosis.value = (await (await this.get("/v1/admin/doctor", this.stop.signal)).json()) as Diagnosis;
    } catch {
      // The overview says what is wrong.
    }
  }

  /** What passes over a link: packets for `seconds` as a file, or events as they come. */
  tap(link: string, what: "packets" | "events", seconds: number, signal: AbortSignal): Promise<Response> {
    const query = new URLSearchParams({ what, seconds: String(seconds) });
    return this.get(`/v1/admin/links/${encodeURIComponent(link)}/tap?${query}`, AbortSignal.any([this.stop.signal, signal]));
  }

  /** Mutes everything that a participant sends. */
  async mute(room: string, participant: ParticipantID): Promise<void> {
    await this.request(`/v1/rooms/${encodeURIComponent(room)}/mute`, {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ participant }), signal: this.stop.signal,
    });
  }

  /** Removes a participant from a room. */
  async remove(room: string, participant: ParticipantID): Promise<void> {
    await this.request(`/v1/rooms/${encodeURIComponent(room)}/participants/${encodeURIComponent(participant)}`, { method: "DELETE", signal: this.stop.signal });
  }

  private get(path: string, signal: AbortSignal): Promise<Response> {
    return this.request(path, { cache: "no-store", signal });
  }

  private async request(path: string, init: RequestInit & { headers?: Record<string, string> }): Promise<Response> {
    const response = await fetch(path, { ...init, headers: { ...init.headers, authorization: `Bearer ${this.token}` } });
    if (response.ok) return response;
    const said = (await response.json().catch(() => undefined)) as { detail?: string } | undefined;
    const detail = said?.detail ?? `The server answered with HTTP status ${response.status}.`;
    if (response.status === 401 || response.status === 403) throw new RefusedError(detail);
    throw new Error(detail);
  }
}
