// Switchyard in the browser: `connect` to a room, `publish` tracks, `show` those of others.
export { openCamera, openMicrophone, openScreen, canShareScreen, captureError } from "./capture";
export { connect } from "./connect";
export { Emitter } from "./emitter";
export { SwitchyardError, type ClientCode } from "./error";
export { LocalTrack, type PublishOptions } from "./localtrack";
export type { ConnectOptions, Environment } from "./options";
export { ParticipantLink } from "./participantlink";
export type * from "./protocol";
export type { RoomEvents, RoomState, ShowOptions } from "./events";
export { Room } from "./room";
export { SlotView, reached, type Feed, type Surface } from "./slotview";
