// Code generated from the Go package protocol by tsgen; DO NOT EDIT.
// "go generate ./protocol" writes it; docs/protocol.md explains it.

/** Version is the protocol's version: it stands in the path (/v1/) and in Welcome. */
export const Version = 1;

/** Subprotocol is the WebSocket subprotocol that both ends name. */
export const Subprotocol = "switchyard.v1";

/** ServerLink is the id of the link between a participant and the server. */
export const ServerLink = "server";

/** length of a room's name in bytes */
export const MaxRoomBytes = 64;

/** length of an identity in bytes */
export const MaxIdentityBytes = 128;

/** length of a name to show in bytes of UTF-8 */
export const MaxNameBytes = 128;

export const KindCall = "call";

export const KindBroadcast = "broadcast";

export const KindTransfer = "transfer";

export const KindNearby = "nearby";

export const MaxRoomParticipants = 100_000;

export const MaxRoomViewers = 1_000_000;

export const MinBitrate = 10_000;

export const MaxBitrate = 1_000_000_000;

/** ErrorCode says what went wrong; see ProtocolError. */
export type ErrorCode =
  | "bad-message" /* not JSON, unknown type, missing field, too large */
  | "unauthorized" /* token absent, malformed, expired, for another room */
  | "forbidden" /* the grants do not allow it */
  | "not-found" /* room, participant, track or link unknown */
  | "room-full"
  | "limit" /* too many tracks, messages or bytes */
  | "replaced" /* the same identity joined again elsewhere */
  | "removed" /* by a moderator */
  | "room-closed"
  | "session-unknown" /* cannot be resumed: join anew */
  | "bad-offer" /* the SDP cannot be answered; Message says why */
  | "shutting-down"
  | "internal";

/** ParticipantID names a participant within a room. It is the token's identity. */
export type ParticipantID = string;

/** TrackID names a track within a room; the server makes it. */
export type TrackID = string;

/** TrackSource says what a track shows. */
export type TrackSource =
  | "camera"
  | "microphone"
  | "screen"
  | "screen-audio"
  | "file"
  | "bridge"
  | "mix";

/** TrackKind is "audio" or "video". */
export type TrackKind =
  | "audio"
  | "video";

/** Grants are what a token allows in its room. */
export interface Grants {
  /** Publish lists the sources that may be published; "*" allows all. */
  publish?: string[];
  /** Subscribe allows to receive tracks. */
  subscribe?: boolean;
  /** Data allows to send data messages and to open links to other participants. */
  data?: boolean;
  /** Moderate allows to mute and remove others and to make invitations. */
  moderate?: boolean;
  /** Record allows to start and stop recordings. */
  record?: boolean;
  /** Admin opens the admin API of the whole server; such a token names no room. */
  admin?: boolean;
}

/** Description is an SDP offer or answer. */
export interface Description {
  /** Type is "offer", "answer", "pranswer" or "rollback". */
  type: "offer" | "answer" | "pranswer" | "rollback";
  sdp?: string;
}

/** Candidate is a trickled ICE candidate; an empty Candidate string ends them. */
export interface Candidate {
  candidate: string;
  sdpMid?: string;
  sdpMLineIndex?: number;
  usernameFragment?: string;
}

/** ICEServer is a STUN or TURN server for one link, as RTCIceServer has it. */
export interface ICEServer {
  urls: string[];
  username?: string;
  credential?: string;
}

/** Participant is a person or program in a room, as the others see it. */
export interface Participant {
  id: ParticipantID;
  name?: string;
  /** Role is what the token's invitation said, such as "host", "guest", "viewer"; a label only. */
  role?: string;
  /** Attributes are free small strings that the participant set about itself. */
  attributes?: Record<string, string>;
  /** JoinedAt is in milliseconds since 1970. */
  joinedAt: number;
  /** Connected is false while its session waits to be resumed. */
  connected: boolean;
  tracks: Track[];
}

/** Track is one published audio or video stream. */
export interface Track {
  id: TrackID;
  participant: ParticipantID;
  kind: TrackKind;
  source: TrackSource;
  /** Label is the publisher's name for it, such as the device's or the window's title. */
  label?: string;
  /** Group joins tracks of one origin: a screen and its audio, a camera and its microphone. */
  group?: string;
  muted?: boolean;
  /** Codec is the encoding name once media arrived, such as "VP8" or "opus"; a backup may have another. */
  codec?: string;
  /** Width and Height are in pixels, 0 when not known. */
  width?: number;
  height?: number;
  /** Layers are the simulcast layers that the publisher sends, best first. */
  layers?: Layer[];
  /** BackupOf is only in what answers a Publish: this is a second encoding of that track. */
  backupOf?: TrackID;
}

/** Layer is one simulcast encoding. */
export interface Layer {
  rid: string;
  width?: number;
  height?: number;
  /** MaxBitrate is in bits per second. */
  maxBitrate?: number;
}

/** Slot is a receive position of a subscriber and what feeds it now. */
export interface Slot {
  /** MID is the m-line of the link to the server. */
  mid: string;
  kind: TrackKind;
  /** Track feeds the slot; absent when nothing does. */
  track?: TrackID;
  /** Generation grows with each change of Track; messages of older generations are void. */
  generation: number;
  /**
   * Timestamp is the RTP timestamp of the first frame of this generation; absent until it was
   * sent. A frame with an earlier timestamp belongs to an earlier generation.
   */
  timestamp?: number;
  /**
   * Paused says why nothing is sent although Track is set: "muted", "bandwidth", "codec"
   * (this subscriber cannot decode it), "no-media" (the publisher sends nothing); else absent.
   */
  paused?: "muted" | "bandwidth" | "codec" | "no-media";
}

/** Wish is a track that a subscriber wants, with the size it shows it at. */
export interface Wish {
  track: TrackID;
  /** Width and Height are in device pixels; 0 where it does not matter. Audio has none. */
  width?: number;
  height?: number;
  /** Pinned puts it before everything that is not pinned. */
  pinned?: boolean;
}

/** Join enters the room that the token and the path name. Answer: Welcome or Error. */
export interface Join {
  name?: string;
  attributes?: Record<string, string>;
  capabilities: Capabilities;
  /** Offer is the first offer of the link to the server; saves a round trip. Optional. */
  offer?: Description;
}

/** Capabilities are what a client can do, so that the server plans with it. */
export interface Capabilities {
  /** SDK is the client's name and version, such as "web/0.1". */
  sdk?: string;
  /** Transports lists bulk transports of a link beyond DataChannels, such as "quic". */
  transports?: string[];
}

/**
 * Resume continues a session on a new WebSocket within 30 seconds. Envelope.Ack says what was
 * received; the server replays what came later. Answer: Welcome with Resumed, or Error
 * "session-unknown", after which the client joins anew.
 */
export interface Resume {
  session: string;
}

/** Publish names media that the client sends. Answer: Published with the tracks made. */
export interface Publish {
  tracks: PublishTrack[];
}

/** PublishTrack binds a send position of the link to the server to a track. */
export interface PublishTrack {
  /** MID is the m-line that sends it. */
  mid: string;
  kind: TrackKind;
  source: TrackSource;
  label?: string;
  group?: string;
  muted?: boolean;
  width?: number;
  height?: number;
  layers?: Layer[];
  /** BackupOf makes it no track of its own but a second encoding of that one, as a Backup asks for. */
  backupOf?: TrackID;
  /** Codec is what it is encoded in; of a backup alone. */
  codec?: string;
}

/** Unpublish ends tracks of the sender. Answer: OK. */
export interface Unpublish {
  tracks: TrackID[];
}

/**
 * TrackUpdate changes a track of the sender; absent fields stay. The server sends the same message
 * to the others. Answer to the sender: OK.
 */
export interface TrackUpdate {
  track: TrackID;
  muted?: boolean;
  label?: string;
  width?: number;
  height?: number;
  codec?: string;
  layers?: Layer[];
}

/**
 * Subscribe replaces the sender's wishes. Without Auto only the wished tracks are sent, those that
 * find a slot, in the order given after the pinned; with Auto what is left over of the slots goes to
 * the other tracks, speakers first. A session starts with Auto and no wishes. Answer: OK.
 */
export interface Subscribe {
  wishes: Wish[];
  auto?: boolean;
  /**
   * Sound gives everyone's audio as Auto does, but only the video that is wished: what a client
   * shows is what it gets.
   */
  sound?: boolean;
  /**
   * Playout is what the pictures are wanted for: "immediate" shows each as soon as it is whole, "smooth"
   * keeps them for 0.2 to 1 s, so that jitter and repairs do not show. Absent: as the receiver likes.
   */
  playout?: "smooth" | "immediate";
}

/**
 * Signal carries a description or a candidate of one link. For the link to the server the client
 * offers and the server answers with a Signal whose Envelope.Re is the offer's. A link between
 * participants is named by who opens it; the server sets From and passes it on, and both ends use
 * perfect negotiation, the one with the greater participant id being polite.
 */
export interface Signal {
  /** Link is "server", or a name chosen by the participant that opens the link. */
  link: string;
  /** To is the participant at the other end, absent for the server. */
  to?: ParticipantID;
  /** From is set by the server. */
  from?: ParticipantID;
  description?: Description;
  candidate?: Candidate;
  /**
   * Transports lists the bulk transports that the sender offers or accepts on this link. Without a description it
   * takes the place of what the last one listed.
   */
  transports?: string[];
  /** WebTransport is where the sender answers it, beside a description with that transport. */
  webTransport?: WebTransport;
  /** Close ends the link. */
  close?: boolean;
  /**
   * Sealed holds the five above in the place of them, encrypted between the two participants: base64url
   * (docs/transfer.md).
   */
  sealed?: string;
}

/**
 * WebTransport is a server for the other end of a link only, at the addresses of the sender's ICE candidates; its certificate is
 * the one that the description names.
 */
export interface WebTransport {
  port: number;
  /** a secret */
  path: string;
}

/** Report tells the server what a participant measured. No answer. */
export interface Report {
  /** Uplink and Downlink are estimates in bits per second, 0 when not known. */
  uplink?: number;
  downlink?: number;
  /** Loss is the share of packets lost since the last report, 0 to 1. */
  loss?: number;
  /** RTT is in milliseconds. */
  rtt?: number;
  /** CPU is the pressure: "nominal", "fair", "serious" or "critical". */
  cpu?: "nominal" | "fair" | "serious" | "critical";
  /** Battery is the charge, 0 to 1, while discharging. */
  battery?: number;
  /** Links says of each link between participants whether it is up, by link name. */
  links?: Record<string, string>;
  /** Freezes counts frozen pictures since the last report. */
  freezes?: number;
}

/** Ready says that the new links of a plan carry media for the sender. No answer. */
export interface Ready {
  epoch: number;
}

/**
 * Data is a small message to others in the room, at most 64 KiB. The server sets From and passes it
 * on in order. Answer to the sender: OK when it was passed on.
 */
export interface Data {
  /** To lists the receivers; empty means everyone else. */
  to?: ParticipantID[];
  from?: ParticipantID;
  /** Topic tells applications apart, such as "chat". */
  topic: string;
  payload: unknown;
  /** At is set by the server, in milliseconds since 1970. */
  at?: number;
}

/** Moderate acts on another participant. It needs the moderate grant. Answer: OK. */
export interface Moderate {
  /** Action is "mute" (a track), "remove" (a participant) or "close" (the room). */
  action: "mute" | "remove" | "close";
  participant?: ParticipantID;
  track?: TrackID;
  reason?: string;
}

/** Ping asks for a Pong; send one every 10 seconds when nothing else was sent. */
export interface Ping {
  /** Time is copied into the Pong. */
  time?: number;
}

/** Welcome opens or continues a session. */
export interface Welcome {
  version: number;
  server: string;
  room: string;
  /** Session continues this session in a Resume; keep it secret. */
  session: string;
  /** Resumed: the session went on, what was missed follows; Participants is absent. */
  resumed?: boolean;
  /** Replaced: an older session of the same identity was connected and has been ended. */
  replaced?: boolean;
  you: ParticipantID;
  grants: Grants;
  /** Participants are those in the room, you among them. */
  participants?: Participant[];
  /** Metadata is what the API keeps about the room; also where Resumed. */
  metadata?: Record<string, string>;
  /** Answer answers Join.Offer. */
  answer?: Description;
  /** ICEServers are for the link to the server. */
  iceServers?: ICEServer[];
  /** LinkICEServers are for links between participants. */
  linkIceServers?: ICEServer[];
  limits: Limits;
}

/** Limits are what the server allows a session. */
export interface Limits {
  /** MessageBytes is the largest WebSocket message. */
  messageBytes: number;
  /** DataBytes is the largest Data.Payload. */
  dataBytes: number;
  tracks: number;
  participants: number;
  /** ResumeSeconds is how long a dropped session waits. */
  resumeSeconds: number;
}

/** RoomUpdate says what changed about the room. */
export interface RoomUpdate {
  /** Metadata is all that there is now. */
  metadata: Record<string, string>;
}

/** Joined says that someone came. */
export interface Joined {
  participant: Participant;
}

/** Left says that someone went. */
export interface Left {
  participant: ParticipantID;
  /** Reason is "left", "lost" (the session was not resumed), "replaced" or "removed". */
  reason: "left" | "lost" | "replaced" | "removed";
}

/**
 * ParticipantUpdate says what changed about someone; absent fields stay. A client sends it with
 * Attributes alone, those to be set; an empty string takes one away. It is for the sender's own, and
 * with the moderate grant for anyone's. Everyone is then told all attributes of the participant.
 * Answer to the sender: OK.
 */
export interface ParticipantUpdate {
  participant: ParticipantID;
  name?: string;
  role?: string;
  attributes?: Record<string, string>;
  connected?: boolean;
  /** Grants are what the participant may do from now on; only it is told. */
  grants?: Grants;
}

/** Published says that there are new tracks; it is also the answer to Publish. */
export interface Published {
  tracks: Track[];
}

/** Unpublished says that tracks ended. Left ends all tracks of a participant without it. */
export interface Unpublished {
  tracks: TrackID[];
}

/** Slots says what feeds the receiver's slots: only the slots that changed. */
export interface Slots {
  slots: Slot[];
}

/** NeedSlots says that more tracks are wished than there are slots: the client may offer more. */
export interface NeedSlots {
  audio: number;
  video: number;
}

/** Speakers lists who speaks now, loudest first. */
export interface Speakers {
  speakers: Speaker[];
}

/** Speaker is one who speaks. */
export interface Speaker {
  participant: ParticipantID;
  track: TrackID;
  /** Level is 0 (silence) to 1 (loudest). */
  level: number;
}

/** Quality tells how participants' connections do. */
export interface Quality {
  participants: ParticipantQuality[];
}

/** ParticipantQuality is the connection of one participant. */
export interface ParticipantQuality {
  participant: ParticipantID;
  /** Quality is "good", "fair", "poor" or "lost". */
  quality: "good" | "fair" | "poor" | "lost";
  /** Loss is the share of packets lost on the way to the server, 0 to 1. */
  loss?: number;
  /** RTT is in milliseconds. */
  rtt?: number;
}

/**
 * Wanted tells a publisher which encodings of its tracks somebody needs: only what changed. It may stop
 * encoding the others, and must send again, beginning with a keyframe, what is named once more. Everything
 * is wanted until a first Wanted says otherwise.
 */
export interface Wanted {
  tracks: WantedTrack[];
}

/** WantedTrack is what somebody needs of one track. */
export interface WantedTrack {
  track: TrackID;
  /** None: nobody receives the track at all. */
  none?: boolean;
  /** Layers are the simulcast layers that somebody receives, by RID; absent for all of them. */
  layers?: string[];
}

/**
 * Backup asks the publisher of a video track to send the same picture in another codec as well, for
 * somebody who cannot decode the track. It does so on an m-line of its own, by a Publish with BackupOf, or
 * not at all where it cannot. What is needed of it a Wanted for the backup's own id says. No answer; it may come again.
 */
export interface Backup {
  track: TrackID;
  /** Codec is the encoding name, such as "VP8". */
  codec: string;
}

/**
 * Plan is the receiver's part of the room's plan: the links it shall have. Epoch grows; a client
 * ignores a plan whose epoch is not greater than the last.
 */
export interface Plan {
  epoch: number;
  /** Shape is "direct", "mesh", "hybrid", "sfu" or "mcu". */
  shape: "direct" | "mesh" | "hybrid" | "sfu" | "mcu";
  links: PlanLink[];
}

/** PlanLink is one link of a plan. */
export interface PlanLink {
  link: string;
  /** Peer is absent for the link to the server. */
  peer?: ParticipantID;
  /** Tracks are those of the receiver that flow over this link. */
  tracks?: TrackID[];
}

/** RestartICE asks the client to offer again on a link with new ICE credentials. */
export interface RestartICE {
  link: string;
}

/**
 * ICE brings fresh ICE servers for the link to the server, for another link, or, where Link is empty, for
 * all links between participants.
 */
export interface ICE {
  link: string;
  iceServers: ICEServer[];
}

/** Token brings a token with a later expiry: use it at the next connection. */
export interface Token {
  token: string;
}

/** Pong answers Ping. */
export interface Pong {
  time?: number;
}

/** Error answers a request that failed, or says why the session ends. */
export interface ProtocolError {
  /** Code is one of the Code constants. */
  code: ErrorCode;
  /** Message is one sentence for a person that says what to do. */
  message: string;
  /** Retryable: the same request may succeed later. */
  retryable: boolean;
  /** Fatal: the session is over and the WebSocket will be closed. */
  fatal?: boolean;
}

/** Finding is one thing that a diagnosis found, for a person to read. */
export interface Finding {
  /** ID names what was looked at, such as "udp-ipv4"; it stays the same from run to run. */
  id: string;
  /** Group is the heading under which it stands. */
  group: string;
  state: FindingState;
  /** Title names what was looked at, in a few words. */
  title: string;
  /** Text is one sentence or two about how it is. */
  text: string;
  /** Fix says what to do; absent where nothing is to be done. */
  fix?: string;
  /** Values are what was measured, for programs. */
  values?: Record<string, number>;
}

/** FindingState says how bad a finding is. */
export type FindingState =
  | "ok"
  | "warn" /* calls work, but worse than they could */
  | "fail" /* calls do not work, or not this way */
  | "skip" /* could not be looked at, and why */;

/** DoctorFacts are what GET /v1/doctor says about the server to anybody. */
export interface DoctorFacts {
  /** Server names its software and version. */
  server: string;
  /** MediaPort is the single port of media, UDP and TCP. */
  mediaPort: number;
  /** Seen is the address that the request came from, as the server sees it. */
  seen: string;
  /** LinkSeconds is how long a diagnostic link lives at most. */
  linkSeconds: number;
  /** EchoBytes is how much a diagnostic link answers at most. */
  echoBytes: number;
}

/**
 * DoctorTime is what GET /v1/doctor/time answers: its clock when the request came and when the answer
 * left, in microseconds since 1970 (UTC). With the client's own two times it gives the offset of the
 * clocks as in RFC 5905 §8.
 */
export interface DoctorTime {
  received: number;
  sent: number;
}

/** DoctorOffer is the body of POST /v1/doctor/link. */
export interface DoctorOffer {
  /** SDP is an offer with a DataChannel and nothing else. */
  sdp: string;
}

/**
 * DoctorLink answers it. The link is in no room. Each message on its DataChannels whose first four
 * bytes are a length (big endian, 16 to 16384) is answered on the same channel by a message of that
 * length that begins with the first 16 bytes of the question: a small question with a small answer
 * measures the round trip, with a large answer the downlink, a large question the uplink.
 */
export interface DoctorLink {
  /** SDP is the answer. */
  sdp: string;
  /** Seconds is how long the link lives at most. */
  seconds: number;
  /** ICEServers are the TURN servers by which a client reaches the server where nothing else works. */
  iceServers?: ICEServer[];
  /** LinkICEServers are for links between participants. */
  linkIceServers?: ICEServer[];
}

/** DoctorUpload is what POST /v1/doctor/up answers: how much it read, in how many microseconds. */
export interface DoctorUpload {
  bytes: number;
  micros: number;
}

/**
 * Diagnosis is a whole report: of switchyard doctor --json, and of GET /v1/admin/doctor, which is the
 * server's own.
 */
export interface Diagnosis {
  /** Server is what was looked at. */
  server?: string;
  /** At is when, in milliseconds since 1970. */
  at: number;
  state: FindingState;
  findings: Finding[];
}

/**
 * RoomOptions are what a room allows and how long it lives. Absent fields are as the next one in this
 * order has them: the API (options that the server keeps for the room), the token that opened the
 * room, the server's configuration, the kind, the built-in value.
 */
export interface RoomOptions {
  /**
   * Kind chooses what is allowed where nothing else says it: in a "call" everyone may publish, in a
   * "broadcast" only those of role host, and who has no role is a viewer; in a "transfer" nobody: two ends hand
   * over files, nor in a "nearby", where devices see each other (docs/transfer.md).
   */
  kind?: "call" | "broadcast" | "transfer" | "nearby";
  /** Participants is how many can be in the room; Viewers how many can watch by WHEP besides. */
  participants?: number;
  viewers?: number;
  /** Sources may be published; absent: all that the grants allow. */
  sources?: TrackSource[];
  /**
   * Codecs may be published, by name as in SDP: "VP8", "opus". A kind of which none is named is not
   * limited.
   */
  codecs?: string[];
  /** Publishers are the roles that may publish, as far as their grants allow; absent: all. */
  publishers?: string[];
  /** Role is that of participants whose token names none. */
  role?: string;
  /** EmptyFor is how long the room stays when nobody is in it, in seconds. */
  emptyFor?: number;
  /** EndsAt is when the room closes, in milliseconds since 1970; from then on nobody can join. */
  endsAt?: number;
  /** MaxBitrate is what one video track may have, in bits per second: browsers are told so in SDP. */
  maxBitrate?: number;
  /** Metadata is for the programs that use the API and for clients: everyone in the room is told it. */
  metadata?: Record<string, string>;
}

/**
 * Overview is the whole server at one moment: GET /v1/admin/overview, and once a second
 * GET /v1/admin/live. Counters run since the start, so that two overviews give a rate.
 */
export interface Overview {
  /** At is when, in microseconds since 1970. */
  at: number;
  server: ServerFacts;
  rooms: RoomDetail[];
}

/** ServerFacts are about the process. */
export interface ServerFacts {
  version: string;
  go: string;
  /** Started is in milliseconds since 1970. */
  started: number;
  /** CPUSeconds that the process used, of Cores at once. */
  cpuSeconds: number;
  cores: number;
  /** MemoryBytes is what the process holds of the machine's memory. */
  memoryBytes: number;
  goroutines: number;
  /** Draining says that the server ends when its calls do. */
  draining?: boolean;
  /** Counters are the metrics without a label, and Drops those of drops by reason. */
  counters: Record<string, number>;
  drops: Record<string, number>;
}

/** RoomDetail is a room in an Overview. */
export interface RoomDetail {
  room: string;
  /** Kind is as in RoomOptions. */
  kind: string;
  participants: Participant[];
  /** by WHEP */
  viewers: number;
  links: LinkDetail[];
}

/** LinkDetail is a link to the server in an Overview. */
export interface LinkDetail {
  link: string;
  /** Participant is absent for a viewer. */
  participant?: ParticipantID;
  up: boolean;
  /** Transport is "udp" or "tcp", Remote the address at the other end; absent before there is a path. */
  transport?: string;
  remote?: string;
  /** RTT in milliseconds; 0 when unknown. */
  rtt: number;
  /** In is what the server received on it, Out what it sent. */
  in: StreamDetail[];
  out: StreamDetail[];
  /** AckedRate is what arrived of Out over the last second, in bit/s; Loss what did not, 0 to 1. */
  ackedRate: number;
  loss: number;
  /** Send is how much may be sent on it, absent before there is a path. */
  send?: SendDetail;
}

/** SendDetail is what a link may send, as far as the server knows. */
export interface SendDetail {
  /** Estimate is what may be sent, in bit/s; Sending what was sent in the last half second. */
  estimate: number;
  sending: number;
  /**
   * Target is the estimate, less where a queue is being emptied; Acked is what arrived in the last half
   * second; Wanted what all that is shown would take at its best.
   */
  target: number;
  acked: number;
  wanted: number;
  /**
   * Limit is what holds the estimate: "delay" is the ordinary case, "loss", "remb" (the receiver's own
   * estimate), "silence" (no feedback comes), "drain" (a queue is being emptied) or "max".
   */
  limit: string;
  /** Queue is how long packets wait on the way, in milliseconds. */
  queue: number;
  /** Probes were sent to find out whether there is room for more; Raised of them found some. */
  probes: number;
  raised: number;
  /** Silences counts the times that no feedback came and less was sent. */
  silences: number;
}

/** StreamDetail is one m-line of a link. */
export interface StreamDetail {
  mid: string;
  track?: TrackID;
  kind?: TrackKind;
  codec?: string;
  /** Backup: what comes on it is a second encoding of the track, for those who cannot decode the first. */
  backup?: boolean;
  /** Packets and Bytes since the start; Lost of them, for good. */
  packets: number;
  bytes: number;
  lost: number;
  /** Width and Height are of the largest picture that is received, or of the layer that is sent. */
  width?: number;
  height?: number;
  /** Temporals is how many temporal layers are sent, of TemporalsOf that there are. */
  temporals?: number;
  temporalsOf?: number;
  /** LayerSwitches counts the changes of a slot's layer, Retransmitted the packets sent again on it. */
  layerSwitches?: number;
  retransmitted?: number;
  /** KeyframesAsked counts what a publisher was asked for, Keyframes what came. */
  keyframesAsked?: number;
  keyframes?: number;
  /** Layers are what a published video offers, the lowest first. */
  layers?: LayerDetail[];
  /**
   * Pause says why a slot with a track sends nothing: "bandwidth", "codec", "keyframe" (it waits for one)
   * or "off".
   */
  pause?: string;
}

/**
 * LayerDetail is one quality of a published video: a simulcast layer, or a spatial layer of a scalable
 * stream with all that is below it.
 */
export interface LayerDetail {
  /** RID names a simulcast layer; Spatial is the layer within its stream. */
  rid?: string;
  spatial?: number;
  width?: number;
  height?: number;
  /** Rates are what it takes in bit/s, up to each of its temporal layers. */
  rates?: number[];
  /** Live: packets of it arrive. Wanted: somebody receives it. */
  live: boolean;
  wanted: boolean;
}

/**
 * WatchLink asks for a LinkStats a second about the link to the server, or, without On, for no more. It
 * also ends when the WebSocket drops: ask again after a resume. Answer: OK.
 */
export interface WatchLink {
  on: boolean;
}

/**
 * LinkStats is how a client's link does as the server sees it: what it sends to that client, and what
 * decides about it. Bitrates are in bits per second, over the last second where nothing else is said.
 */
export interface LinkStats {
  /**
   * Estimate is what may be sent, 0 before there is a path; Target is what the server sends by now, less
   * where it empties a queue or more where it probes.
   */
  estimate: number;
  target: number;
  /** Wanted is what all that is shown would take at its best. */
  wanted: number;
  /** Sent was sent and Acked arrived, over the last half second, as seen on the wire. */
  sent: number;
  acked: number;
  /** Queue is how long packets wait on the way, in milliseconds. */
  queue: number;
  /** Loss is the share of packets lost, 0 to 1; RTT is in milliseconds, 0 when unknown. */
  loss: number;
  rtt: number;
  /**
   * Limit is what holds the estimate: "delay" is the ordinary case, "loss", "remb" (the receiver's own
   * estimate), "silence" (no feedback comes), "drain" (a queue is being emptied) or "max".
   */
  limit: string;
  /** Slots are those that a track feeds. */
  slots: SlotStats[];
}

/** SlotStats is what one slot sends. */
export interface SlotStats {
  mid: string;
  kind: TrackKind;
  track: TrackID;
  /**
   * Codec is what is sent: the track's, or a backup's where the receiver cannot decode that. Absent while
   * nothing is sent.
   */
  codec?: string;
  /** Width and Height are of the layer that is sent, in pixels, 0 while unknown. */
  width?: number;
  height?: number;
  /**
   * Temporals is how many temporal layers of it are sent, of TemporalsOf that there are; absent where it
   * has one only.
   */
  temporals?: number;
  temporalsOf?: number;
  /** Rate is what its payloads take. */
  rate: number;
  /** Paused says why nothing is sent, as in Slot: "bandwidth", "codec" or "no-media". */
  paused?: "bandwidth" | "codec" | "no-media";
}

/** ClientMessages maps the type of each message that a client sends to its body. */
export interface ClientMessages {
  "join": Join;
  "resume": Resume;
  "publish": Publish;
  "unpublish": Unpublish;
  "track": TrackUpdate;
  "subscribe": Subscribe;
  "signal": Signal;
  "report": Report;
  "watch-link": WatchLink;
  "ready": Ready;
  "data": Data;
  "moderate": Moderate;
  "ping": Ping;
  "leave": Empty;
  "participant": ParticipantUpdate;
}

/** ServerMessages maps the type of each message that the server sends to its body. */
export interface ServerMessages {
  "track": TrackUpdate;
  "signal": Signal;
  "data": Data;
  "welcome": Welcome;
  "joined": Joined;
  "left": Left;
  "participant": ParticipantUpdate;
  "published": Published;
  "unpublished": Unpublished;
  "slots": Slots;
  "need-slots": NeedSlots;
  "room": RoomUpdate;
  "speakers": Speakers;
  "quality": Quality;
  "wanted": Wanted;
  "backup": Backup;
  "link-stats": LinkStats;
  "plan": Plan;
  "restart-ice": RestartICE;
  "ice": ICE;
  "token": Token;
  "ok": Empty;
  "pong": Pong;
  "error": ProtocolError;
}

/** Envelope wraps every message in both directions. */
export type Envelope<T extends string, B> = {
  /** Names the message; it decides the shape of body. */
  type: T;
  /** Numbers the requests of one side, from 1; absent where no answer is expected. */
  id?: number;
  /** The id of the request that this message answers. */
  re?: number;
  /** Numbers the messages of one direction within a session, from 1, without gaps. */
  seq?: number;
  /** The highest seq that was received from the other side: it may forget up to there. */
  ack?: number;
} & (B extends Empty ? { body?: Empty } : { /** The message of that type. */ body: B });

/** Empty is the body of a message without fields: it is left out. */
export type Empty = Record<string, never>;

type EnvelopeOf<M> = { [T in keyof M & string]: Envelope<T, M[T]> }[keyof M & string];

/** ClientEnvelope is any message from a client, told apart by its type. */
export type ClientEnvelope = EnvelopeOf<ClientMessages>;

/** ServerEnvelope is any message from the server, told apart by its type. */
export type ServerEnvelope = EnvelopeOf<ServerMessages>;
