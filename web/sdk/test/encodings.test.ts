import { describe, expect, it } from "vitest";
import { Encoder } from "../src/encoder";
import { fitEncodings } from "../src/encodings";
import { settle } from "./server";

const three = (): RTCRtpEncodingParameters[] => [
  { rid: "q", scaleResolutionDownBy: 4, maxBitrate: 150_000 },
  { rid: "h", scaleResolutionDownBy: 2, maxBitrate: 500_000 },
  { rid: "f", maxBitrate: 2_000_000 },
];
const shown = (list: RTCRtpEncodingParameters[]) => list.filter((e) => e.active).map((e) => `${e.rid}/${e.scaleResolutionDownBy}`).join(" ");

describe("encodings of a camera", () => {
  it.each([
    [1280, 720, "q/4 h/2 f/1"],
    [960, 540, "q/4 h/2 f/1"],
    [640, 360, "q/2 h/1"],
    [320, 180, "q/1"],
  ])("of %dx%d are as many as the browser makes, the largest in full", (width, height, want) => {
    const list = three();
    expect(fitEncodings(list, { width, height }, {})).toBe(true);
    expect(shown(list)).toBe(want);
    expect(fitEncodings(list, { width, height }, {})).toBe(false);
  });

  it("are sent where somebody receives them", () => {
    const list = three();
    fitEncodings(list, { width: 1280, height: 720 }, { layers: ["q", "f"] });
    expect(shown(list)).toBe("q/4 f/1");
    fitEncodings(list, { width: 320, height: 180 }, { layers: ["f"] });
    expect(shown(list)).toBe("q/1"); // there is no larger one
    fitEncodings(list, { width: 320, height: 180 }, { none: true });
    expect(shown(list)).toBe("");
    fitEncodings(list, { width: 1280, height: 720 }, {});
    expect(shown(list)).toBe("q/4 h/2 f/1");
    expect(list.map((e) => e.maxBitrate)).toEqual([150_000, 506_880, 2_000_000]);
  });

  it("keeps the scale of a single one", () => {
    const list: RTCRtpEncodingParameters[] = [{ maxBitrate: 3_000_000 }];
    expect(fitEncodings(list, { width: 320, height: 180 }, {})).toBe(false);
    fitEncodings(list, { width: 320, height: 180 }, { none: true });
    expect(list).toEqual([{ maxBitrate: 3_000_000, active: false }]);
  });

  it("of a track that is sent twice follow their own sources", async () => {
    const encoder = new Encoder();
    const transceiver = { mid: "8", sender: { encodings: [{ rid: "q" }, { rid: "h" }, { rid: "f" }] as RTCRtpEncodingParameters[] } };
    const sender = {
      replaceTrack: async () => {},
      getParameters: () => ({ encodings: structuredClone(transceiver.sender.encodings) }),
      setParameters: async ({ encodings }: RTCRtpSendParameters) => void (transceiver.sender.encodings = encodings),
    };
    encoder.position = { kind: "video", source: "camera", taken: true, transceiver: { mid: "8", sender } as unknown as RTCRtpTransceiver };
    await encoder.feed({ id: "cam", getSettings: () => ({ width: 1280, height: 720 }) } as unknown as MediaStreamTrack, false);
    const scales = () => transceiver.sender.encodings.filter((e) => e.active).map((e) => `${e.rid} ${e.scaleResolutionDownBy}`);
    expect(scales()).toEqual(["q 4", "h 2", "f 1"]);
    encoder.fit([
      { type: "media-source", id: "S1", trackIdentifier: "cam", width: 1280, height: 720 },
      { type: "media-source", id: "S2", trackIdentifier: "cam", width: 640, height: 360 },
      { type: "outbound-rtp", mid: "0", mediaSourceId: "S1" },
      { type: "outbound-rtp", mid: "8", mediaSourceId: "S2" },
    ]);
    await settle();
    expect(scales()).toEqual(["q 2", "h 1"]);
  });
});
