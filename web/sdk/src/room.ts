// A room as this participant has it: who is there, what they send, and what we send.
import { ByteChannels } from "./bytes";
import { deferred } from "./deferred";
import { Emitter } from "./emitter";
import type { SourceReport } from "./encoder";
import { SwitchyardError } from "./error";
import type { RoomEvents, RoomState, ShowOptions } from "./events";
import type { LocalTrack, PublishOptions } from "./localtrack";
import { RoomMedia } from "./media";
import type { ConnectOptions, Environment } from "./options";
import type { ParticipantLink } from "./participantlink";
import { ParticipantLinks } from "./participantlinks";
import { browserPeer } from "./peer";
import type {
  Description,
  Grants,
  Join,
  Limits,
  Participant,
  ParticipantID,
  ServerEnvelope,
  Slot,
  Speaker,
  Track,
  TrackID,
  Welcome,
  Wish,
} from "./protocol";
import { ServerLink as serverLinkName } from "./protocol";
import { Publisher } from "./publisher";
import { Meter } from "./report";
import { Roster } from "./roster";
import { Session } from "./session";
import type { ServerLink } from "./serverlink";
import { dialWebSocket, roomSocketURL } from "./socket";
import type { Surface } from "./slotview";
import { videoSurface } from "./videosurface";
import { browserWake } from "./wake";
import { watchElement, watchPage } from "./watch";
import { Wishes } from "./wishes";

const reportEvery = 5_000; // ms
const spareAudio = 3; // audio slots for those who speak and are not shown

export class Room extends Emitter<RoomEvents> {
  #state: RoomState = "joining";
  #welcome?: Welcome;
  #token: string;
  #session: Session;
  #roster: Roster;
  #media: RoomMedia;
  #publisher: Publisher;
  #links: ParticipantLinks;
  #wishes: Wishes;
  #meter = new Meter();
  #bytes = new ByteChannels((header, payload, reliable) => {
    if (header.from) this.emit("bytes", { from: header.from, topic: header.topic, payload, reliable });
  });
  #ready = deferred<ServerLink>();
  #offer?: Promise<Description>; // of the first join, made while the socket opens
  #speakers: Speaker[] = [];
  #attributes: Record<string, string>; // ours: a new join brings them again
  #unwatch?: () => void;
  #spoke = new Map<ParticipantID, number>(); // when someone was last heard
  #watching = false; // how our link does
  #watched = false; // the server was told to tell it
  #reports?: ReturnType<typeof setInterval>;

  constructor(
    readonly url: URL,
    token: string,
    readonly options: ConnectOptions = {},
  ) {
    super();
    const env = options.environment ?? {};
    this.#token = token;
    this.#attributes = { ...options.attributes };
    this.#session = new Session(this.#sessionOwner(), {
      dial: env.dial ?? dialWebSocket,
      wake: env.wake ?? browserWake,
    });
    this.#roster = this.#makeRoster();
    this.#media = this.#makeMedia(env);
    this.#publisher = this.#makePublisher();
    this.#links = this.#makeLinks(env);
    this.#wishes = new Wishes(
      (subscribe) => this.#quietly(this.#session.request("subscribe", subscribe)),
      (a, b) => this.#rank(b) - this.#rank(a),
      options.onlyShown,
      options.playout,
    );
  }

  // ---- what is ----

  get state(): RoomState {
    return this.#state;
  }
  get mediaState(): RTCPeerConnectionState {
    return this.#media.link?.state ?? "new";
  }
  get name(): string {
    return this.#welcome?.room ?? "";
  }
  get you(): ParticipantID {
    return this.#welcome?.you ?? "";
  }
  get grants(): Grants {
    return this.#welcome?.grants ?? {};
  }
  get limits(): Limits | undefined {
    return this.#welcome?.limits;
  }
  /** What the server's API keeps about the room. */
  get metadata(): Record<string, string> {
    return this.#welcome?.metadata ?? {};
  }
  /** Everyone, you among them. */
  get participants(): Participant[] {
    return this.#roster.participants;
  }
  get speakers(): Speaker[] {
    return this.#speakers;
  }
  get localTracks(): LocalTrack[] {
    return this.#publisher.tracks;
  }
  get audioBlocked(): boolean {
    return this.#media.audio.blocked;
  }
  participant(id: ParticipantID): Participant | undefined {
    return this.#roster.get(id);
  }
  track(id: TrackID): Track | undefined {
    return this.#roster.track(id);
  }
  /** The slot that a track feeds, with the reason when nothing comes (`paused`). */
  slot(track: TrackID): Slot | undefined {
    return this.#media.feed(track)?.slot;
  }
  getStats(): Promise<RTCStatsReport> | undefined {
    return this.#media.link?.getStats();
  }

  // ---- what one can do ----

  /** Connects; connect() calls it. */
  start(): void {
    if (this.#linked) this.#offer = this.#media.begin(); // takes as long as the socket does
    this.#offer?.catch(() => {}); // #join tells of it
    this.#session.start();
    this.#unwatch = watchPage(this.#wishes);
    this.#reports = setInterval(() => void this.#report(), reportEvery);
  }

  /** Publishes a camera, microphone, screen or anything else that makes a MediaStreamTrack. */
  publish(media: MediaStreamTrack, options: PublishOptions = {}): Promise<LocalTrack> {
    return this.#publisher.publish(media, options);
  }

  /** Shows a video track on a <video> whenever it can be seen, and only then: the element is
   * transparent meanwhile. Its size becomes a wish. The result ends it. */
  show(track: TrackID, video: HTMLVideoElement, options: ShowOptions = {}): () => void {
    const view = this.#media.view(track, videoSurface(video), options.onvisible ?? (() => {}));
    const unwatch = watchElement(this.#wishes, track, video, options);
    return () => {
      unwatch();
      this.#media.forget(view);
    };
  }

  /** The same on a surface of the application's own; it makes no wish. */
  showOn(track: TrackID, surface: Surface, onvisible: (visible: boolean) => void = () => {}): () => void {
    const view = this.#media.view(track, surface, onvisible);
    return () => this.#media.forget(view);
  }

  /** Says exactly which tracks to receive, instead of what show() gathers; undefined undoes that. */
  subscribe(wishes: Wish[] | undefined, auto = false): void {
    this.#wishes.fix(wishes && { wishes, auto });
  }

  /** Chooses what pictures are for from now on, as the option of that name. */
  play(playout: ConnectOptions["playout"]): void {
    this.#wishes.play(playout);
  }

  /** Sends a small JSON value to everyone else, or to some; done when the server passed it on. */
  async send(topic: string, payload: unknown, to?: ParticipantID[]): Promise<void> {
    await this.#session.request("data", { topic, payload, to });
  }

  /** Sends bytes over the data channel: reliable and in order, or fast and lossy. */
  sendBytes(topic: string, payload: Uint8Array, options: { to?: ParticipantID[]; reliable?: boolean } = {}): Promise<void> {
    const limit = this.#media.link?.maxMessageSize ?? 0;
    return this.#bytes.send({ topic, to: options.to }, payload, options.reliable ?? true, limit);
  }

  /** Opens a link for data to one participant, past the server where the network allows it. */
  openLink(peer: ParticipantID, name: string): ParticipantLink {
    return this.#links.open(peer, name);
  }

  /** Sets small strings that everyone sees; an empty one takes it away. They are ours, or, for a
   * moderator, someone else's. */
  async setAttributes(attributes: Record<string, string>, participant: ParticipantID = this.you): Promise<void> {
    if (participant === this.you) Object.assign(this.#attributes, attributes);
    await this.#session.request("participant", { participant, attributes });
  }

  /** Has the server tell once a second how our link does: event `link-stats`. */
  watchLink(on: boolean): void {
    if (on === this.#watching) return;
    this.#watching = on;
    if (this.#state === "connected") this.#askForStats();
  }

  /** Mutes a track of someone, removes someone, or closes the room. */
  async moderate(action: "mute" | "remove" | "close", target: { participant?: ParticipantID; track?: TrackID; reason?: string } = {}): Promise<void> {
    await this.#session.request("moderate", { action, ...target });
  }

  /** Plays the sound, from a click, where the browser refused before. */
  startAudio(): Promise<void> {
    return this.#media.audio.start();
  }

  setSpeaker(deviceId: string): Promise<void> {
    return this.#media.audio.setSpeaker(deviceId);
  }

  /** Leaves; the devices stay open, as they were opened by the application. */
  leave(): void {
    this.#session.leave();
  }

  // ---- the parts ----

  #sessionOwner(): Session["owner"] {
    return {
      url: () => this.#socketURL(),
      join: () => this.#join(),
      welcome: (welcome) => this.#welcomed(welcome),
      message: (message) => this.#take(message),
      reachable: (yes) => this.#reachable(yes),
      closed: (error) => this.#closed(error),
    };
  }

  #makeRoster(): Roster {
    return new Roster({
      joined: (p) => this.emit("joined", p),
      left: (p, reason) => {
        this.#links.left(p.id);
        this.emit("left", p, reason);
      },
      participant: (p) => {
        if (p.id === this.you && p.attributes) this.#attributes = { ...p.attributes };
        this.emit("participant", p);
      },
      published: (t) => this.emit("published", t),
      unpublished: (t) => this.emit("unpublished", t),
      track: (t) => {
        this.#media.trackChanged();
        this.emit("track", t);
      },
    });
  }

  #makeMedia(env: Partial<Environment>): RoomMedia {
    const { slots = 9, maxSlots = 25, send = true, data = true, simulcast = false, codec, audio = true } = this.options;
    const settings = { pairs: slots, spareAudio, send, data, simulcast, codec, maxSlots: Math.max(slots, maxSlots), play: audio };
    const owner = {
      exchange: async (description: { type: "offer" | "answer" | "pranswer" | "rollback"; sdp?: string }) => {
        const answer = await this.#session.request("signal", { link: serverLinkName, description });
        const sdp = answer.type === "signal" ? answer.body.description : undefined;
        if (!sdp) throw new SwitchyardError("bad-message", "The server answered an offer without a description.");
        return sdp;
      },
      state: (state: RTCPeerConnectionState) => this.emit("media", state),
      lost: () => this.#session.rejoin(),
      audioBlocked: (blocked: boolean) => this.emit("audioblocked", blocked),
      muted: (track: TrackID) => this.#roster.track(track)?.muted ?? false,
    };
    return new RoomMedia(owner, settings, this.#bytes, env.peer ?? browserPeer, env.audio);
  }

  #makePublisher(): Publisher {
    return new Publisher({
      ready: () => this.#ready.promise,
      publish: async (tracks) => {
        const answer = await this.#session.request("publish", { tracks });
        const made = answer.type === "published" ? answer.body.tracks : [];
        const tracksOfOurs = made.filter((t) => !t.backupOf); // the others know nothing of backups
        if (tracksOfOurs.length > 0) this.#roster.take({ type: "published", body: { tracks: tracksOfOurs } });
        return made;
      },
      unpublish: async (tracks) => {
        await this.#session.request("unpublish", { tracks });
        this.#roster.take({ type: "unpublished", body: { tracks } });
      },
      muted: async (track, muted) => {
        await this.#session.request("track", { track, muted });
        this.#roster.take({ type: "track", body: { track, muted } });
      },
      ended: (track) => this.emit("ended", track),
    });
  }

  #makeLinks(env: Partial<Environment>): ParticipantLinks {
    const signaller = {
      describe: (signal: Parameters<ParticipantLinks["receive"]>[0]) => this.#session.request("signal", signal),
      trickle: (signal: Parameters<ParticipantLinks["receive"]>[0]) => this.#session.send("signal", signal),
    };
    const opened = (link: ParticipantLink) => {
      const heard = this.heard("link");
      this.emit("link", link);
      return heard;
    };
    return new ParticipantLinks(env.peer ?? browserPeer, signaller, () => this.you, opened, this.options.sealer);
  }

  // ---- the session's side ----

  #socketURL(): string {
    const url = new URL(this.url);
    url.searchParams.set("token", this.#token);
    return url.href;
  }

  async #join(): Promise<Join> {
    this.#ready.reset();
    this.#meter.reset();
    const offer = this.#linked ? await (this.#offer ?? this.#media.begin()) : undefined;
    this.#offer = undefined;
    return {
      name: this.options.name,
      attributes: this.#attributes,
      capabilities: { sdk: "web/0.1" },
      offer,
    };
  }

  #welcomed(welcome: Welcome): void {
    const again = this.#welcome !== undefined && !welcome.resumed;
    this.#welcome = { ...welcome, participants: undefined, answer: undefined };
    this.#links.setICEServers("", welcome.linkIceServers ?? []);
    if (welcome.resumed) {
      this.#media.setICEServers(welcome.iceServers ?? []);
      if (this.#watching || this.#watched) this.#askForStats(); // it may have ended with the socket
      return;
    }
    this.#roster.reset(welcome.participants ?? []);
    this.#wishes.renew();
    if (this.#watching) this.#askForStats();
    if (this.#linked) this.#quietly(this.#connectMedia(welcome, again));
    if (again) this.emit("session");
  }

  get #linked(): boolean {
    return this.options.link ?? true;
  }

  async #connectMedia(welcome: Welcome, again: boolean): Promise<void> {
    await this.#media.welcome(welcome);
    const link = this.#media.link;
    if (!link || link.closed) return;
    this.#ready.resolve(link);
    if (again) await this.#publisher.republish(link);
  }

  #reachable(yes: boolean): void {
    this.#setState(yes ? "connected" : "reconnecting");
    // What woke the socket may have moved us to another network: media must look there too.
    const broken = this.mediaState === "disconnected" || this.mediaState === "failed";
    if (yes && broken) void this.#media.link?.restart();
  }

  #closed(error: SwitchyardError | undefined): void {
    clearInterval(this.#reports);
    this.#unwatch?.();
    this.#wishes.close();
    this.#links.close();
    this.#publisher.clear();
    this.#media.end();
    this.#ready.reject(error ?? new SwitchyardError("closed", "The room was left."));
    this.#setState("closed");
    this.emit("closed", error);
  }

  #setState(state: RoomState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.emit("state", state);
  }

  #take(message: ServerEnvelope): void {
    if (message.type === "track" && message.body.muted && this.#isOurs(message.body.track)) {
      const muted = this.#publisher.mutedByServer(message.body.track);
      if (muted) this.emit("muted", muted);
    }
    if (message.type === "unpublished") this.#publisher.endedByServer(message.body.tracks);
    if (message.type === "participant" && message.body.grants && this.#welcome && message.body.participant === this.you) {
      this.#welcome = { ...this.#welcome, grants: message.body.grants };
    }
    if (this.#roster.take(message)) return;
    this.#takeMedia(message);
  }

  #takeMedia(message: ServerEnvelope): void {
    switch (message.type) {
      case "room":
        if (this.#welcome) this.#welcome = { ...this.#welcome, metadata: message.body.metadata };
        return this.emit("metadata", this.metadata);
      case "slots":
        this.#media.slots(message.body.slots);
        return this.emit("slots");
      case "need-slots":
        return this.#quietly(this.#media.need(message.body));
      case "wanted":
        return this.#publisher.wanted(message.body.tracks);
      case "backup":
        return void this.#publisher.backup(message.body);
      case "speakers":
        return this.#heard(message.body.speakers);
      case "link-stats":
        return this.emit("link-stats", message.body);
      case "quality":
        return this.emit("quality", message.body.participants);
      case "data":
        return this.emit("data", message.body);
      case "signal":
        // The server has ended its end of our link: what was on it is gone, so begin anew.
        if (message.body.link === serverLinkName) return message.body.close ? this.#session.rejoin() : undefined;
        return this.#links.receive(message.body);
      case "restart-ice":
        return this.#restartICE(message.body.link);
      case "ice":
        if (message.body.link === serverLinkName) this.#media.setICEServers(message.body.iceServers);
        else this.#links.setICEServers(message.body.link, message.body.iceServers);
        return;
      case "plan":
        return this.emit("plan", message.body);
      case "token":
        this.#token = message.body.token;
        return this.emit("token", this.#token);
      case "error":
        return this.emit("error", SwitchyardError.from(message.body));
    }
  }

  #restartICE(link: string): void {
    if (link === serverLinkName) void this.#media.link?.restart();
    else this.#links.restart(link);
  }

  #heard(speakers: Speaker[] | undefined): void {
    this.#speakers = speakers ?? [];
    for (const s of this.#speakers) this.#spoke.set(s.participant, Date.now());
    this.#wishes.changed();
    this.emit("speakers", this.#speakers);
  }

  // ---- wishes and reports ----

  /** Screens first, then who spoke last. */
  #rank(track: TrackID): number {
    const t = this.#roster.track(track);
    if (!t) return -1;
    if (t.source === "screen") return Number.MAX_SAFE_INTEGER;
    return this.#spoke.get(t.participant) ?? 0;
  }

  async #report(): Promise<void> {
    if (this.#state !== "connected" || this.mediaState !== "connected") return;
    const stats = await this.getStats()?.catch(() => undefined);
    if (!stats || this.#state !== "connected") return;
    const reports = [...(stats.values() as Iterable<SourceReport>)];
    for (const track of this.localTracks) track.fit(reports);
    const report = this.#meter.report(stats.values() as Iterable<{ type: string }>);
    const links = this.#links.states();
    if (Object.keys(links).length > 0) report.links = links;
    this.#session.send("report", report);
  }

  #askForStats(): void {
    this.#watched = this.#watching;
    this.#quietly(this.#session.request("watch-link", { on: this.#watching }));
  }

  #isOurs(id: TrackID): boolean {
    return this.#roster.track(id)?.participant === this.you;
  }

  /** Errors of what the SDK does by itself: the session's loss is handled, others are told. */
  #quietly(work: Promise<unknown>): void {
    work.catch((e: unknown) => {
      if (e instanceof SwitchyardError && (e.code === "session-unknown" || e.code === "closed")) return;
      const message = e instanceof Error ? e.message : String(e);
      this.emit("error", e instanceof SwitchyardError ? e : new SwitchyardError("internal", message));
    });
  }
}

/** Where a server's address and a token lead. */
export function roomFor(url: string, token: string, options: ConnectOptions): Room {
  const base = typeof location === "undefined" ? undefined : location.href;
  return new Room(roomSocketURL(url, base), token, options);
}
