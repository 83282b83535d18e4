// Bytes for others in the room, over the data channels of the link to the server.
import { SwitchyardError } from "./error";
import { decodeFrame, encodeFrame, type FrameHeader } from "./frame";

/** Room waits for a channel's buffer to fall below this before it sends more, in bytes. */
const highWater = 1 << 20;

type Label = "reliable" | "lossy";

/** ByteChannels holds the two channels of the current link. */
export class ByteChannels {
  #channels = new Map<Label, RTCDataChannel>();

  constructor(
    readonly received: (header: FrameHeader, payload: Uint8Array, reliable: boolean) => void,
  ) {}

  /** Takes a channel of a new link; it replaces the old link's. */
  take(channel: RTCDataChannel): void {
    const label: Label = channel.label === "lossy" ? "lossy" : "reliable";
    channel.binaryType = "arraybuffer";
    channel.onmessage = (e: MessageEvent<unknown>) => {
      if (!(e.data instanceof ArrayBuffer)) return;
      const frame = decodeFrame(e.data);
      if (frame) this.received(frame.header, frame.payload, label === "reliable");
    };
    this.#channels.set(label, channel);
  }

  /** Sends one message. Reliable ones wait while the buffer is full, lossy ones are dropped then. */
  async send(header: FrameHeader, payload: Uint8Array, reliable: boolean, limit: number): Promise<void> {
    const channel = this.#channels.get(reliable ? "reliable" : "lossy");
    const frame = encodeFrame(header, payload);
    if (limit > 0 && frame.length > limit) {
      throw new SwitchyardError("too-large", `A message may have ${limit} bytes at most.`);
    }
    if (!reliable && (channel?.bufferedAmount ?? 0) > highWater) return;
    while (channel?.readyState === "open" && channel.bufferedAmount > highWater) await drained(channel);
    if (channel?.readyState !== "open") {
      throw new SwitchyardError("not-open", "The data channel is not open yet.", true);
    }
    channel.send(frame);
  }
}

function drained(channel: RTCDataChannel): Promise<void> {
  channel.bufferedAmountLowThreshold = highWater / 2;
  return new Promise((resolve) => {
    const done = () => {
      channel.removeEventListener("bufferedamountlow", done);
      channel.removeEventListener("close", done);
      resolve();
    };
    channel.addEventListener("bufferedamountlow", done);
    channel.addEventListener("close", done);
  });
}
