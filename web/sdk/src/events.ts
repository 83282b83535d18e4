// What a room tells, and how its tracks are shown.
import type { SwitchyardError } from "./error";
import type { LocalTrack } from "./localtrack";
import type { ParticipantLink } from "./participantlink";
import type { Data, LinkStats, Participant, ParticipantID, ParticipantQuality, Plan, Speaker, Track } from "./protocol";

/** `joining` until the first welcome, `reconnecting` while the server cannot be reached. */
export type RoomState = "joining" | "connected" | "reconnecting" | "closed";

export type RoomEvents = {
  state: [RoomState];
  /** A session began in the place of one that was lost: the others may have seen us leave and come. */
  session: [];
  /** The media link: it lives on while signalling reconnects, and the other way round. */
  media: [RTCPeerConnectionState];
  joined: [Participant];
  left: [Participant, string];
  participant: [Participant];
  published: [Track];
  unpublished: [Track];
  track: [Track];
  /** What feeds the slots changed: feed() of some tracks did. */
  slots: [];
  speakers: [Speaker[]];
  quality: [ParticipantQuality[]];
  /** How the link to the server does, once a second between watchLink(true) and watchLink(false). */
  "link-stats": [LinkStats];
  /** The room's metadata was changed by the API: all that there is now. */
  metadata: [Record<string, string>];
  /** A small message, such as a line of chat. */
  data: [Data];
  /** Bytes from a data channel. */
  bytes: [{ from: ParticipantID; topic: string; payload: Uint8Array; reliable: boolean }];
  /** Someone opened a link to us. Without a listener such links are refused. */
  link: [ParticipantLink];
  plan: [Plan];
  /** A device went away, sharing was stopped by the browser's button, or the server ended it. */
  ended: [LocalTrack];
  /** A moderator muted a track of ours. */
  muted: [LocalTrack];
  /** The browser wants a click before it plays sound: call startAudio() from one. */
  audioblocked: [boolean];
  /** The server gave a token with a later expiry: keep it for the next connect(). */
  token: [string];
  /** Something failed that nobody awaits. */
  error: [SwitchyardError];
  /** It is over, by leave() or for the reason given. */
  closed: [SwitchyardError | undefined];
};

/** How show() shows. */
export interface ShowOptions {
  /** Keep this one whatever else is wished. */
  pinned?: boolean;
  /** The element is in a window of its own: it is seen while the page is hidden. */
  always?: boolean;
  onvisible?(visible: boolean): void;
}
