// What connect() can be told.
import type { AudioTools } from "./audio";
import type { Subscribe } from "./protocol";
import type { PeerFactory } from "./peer";
import type { Sealer } from "./sealer";
import type { Dial } from "./socket";
import type { Wake } from "./wake";

export interface ConnectOptions {
  /** The name to show, where the token names none. */
  name?: string;
  /** Small strings that the others see. */
  attributes?: Record<string, string>;
  /** Pairs of receive slots (video with its sound) to begin with; 9 by default. */
  slots?: number;
  /** How many pairs there may be when more is to be seen; 25 by default. */
  maxSlots?: number;
  /** Prepare to send; true by default. A pure viewer saves a little without. */
  send?: boolean;
  /** Open the data channels for bytes; true by default. */
  data?: boolean;
  /** Send the camera in three sizes; false by default. */
  simulcast?: boolean;
  /** Video codec to send if the server takes it, such as "vp9". While somebody watches who cannot decode it, VP8 or
   * H.264 is sent as well. */
  codec?: string;
  /** Receive no video but what show() shows in view; false by default: what else fits comes, too.
   * Sound always comes. */
  onlyShown?: boolean;
  /** "immediate" shows pictures as soon as they are whole, "smooth" holds them back by 0.2 to 1 s, so that jitter and
   * repairs are not seen; else the browser decides. */
  playout?: Subscribe["playout"];
  /** How long the first connection may take, in ms; 15000 by default. */
  timeout?: number;
  /** Have a link to the server; true by default. Without, there are messages and links to other participants, and no media. */
  link?: boolean;
  /** Seals what the links to other participants say through the server. */
  sealer?: Sealer;
  /** Play the sound of the others; true by default. */
  audio?: boolean;
  /** Replaces the browser's parts, for tests. */
  environment?: Partial<Environment>;
}

/** The browser, as far as the SDK uses it. */
export interface Environment {
  dial: Dial;
  peer: PeerFactory;
  wake: Wake;
  audio: AudioTools;
}
