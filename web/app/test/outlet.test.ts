import { effect, signal } from "@preact/signals";
import { beforeEach, describe, expect, it } from "vitest";
import type { LocalTrack, Room } from "../../sdk/src/index";
import type { Device } from "../src/devices";
import { Outlet } from "../src/outlet";

const settle = async () => {
  for (let i = 0; i < 40; i++) await Promise.resolve();
};

/** A device of which the tests decide when it opens, and what happened in the room. */
class Play {
  log: string[] = [];
  said: string[] = [];
  tracks: LocalTrack[] = [];
  refuse = false;
  #made = 0;
  #waiting?: () => void;
  device = {
    kind: "camera",
    track: signal<MediaStreamTrack | undefined>(undefined),
    opening: signal(false),
    problem: signal(""),
    id: signal("one"),
    get on() {
      return this.track.value !== undefined;
    },
    open: async () => {
      this.device.opening.value = true;
      await new Promise<void>((resolve) => (this.#waiting = resolve));
      if (this.refuse) this.device.problem.value = "No camera was found.";
      else this.device.track.value = this.media();
      this.device.opening.value = false;
      return !this.refuse;
    },
    close: () => {
      this.device.opening.value = false;
      this.device.track.value = undefined;
    },
  };
  outlet = new Outlet(this.room(), this.device as unknown as Device, (text) => void this.said.push(text));

  constructor() {
    effect(() => this.outlet.follow());
  }

  media(): MediaStreamTrack {
    return { label: `camera ${++this.#made}`, readyState: "live" } as MediaStreamTrack;
  }

  async opened(): Promise<void> {
    await settle();
    this.#waiting?.();
    await settle();
  }

  room(): Room {
    const publish = async (media: MediaStreamTrack) => {
      this.log.push(`publish ${media.label}`);
      const track = {
        media,
        muted: false,
        mute: async () => {
          if (!track.muted) this.log.push("mute");
          track.muted = true;
        },
        unmute: async (next: MediaStreamTrack) => {
          this.log.push(`${track.muted ? "unmute" : "replace"} ${next.label}`);
          track.media = next;
          track.muted = false;
        },
      };
      this.tracks.push(track as unknown as LocalTrack);
      return track;
    };
    return { publish, localTracks: this.tracks, state: "connected" } as unknown as Room;
  }
}

describe("the track of a camera", () => {
  let p: Play;
  beforeEach(() => void (p = new Play()));
  const on = async () => {
    void p.device.open();
    await p.opened();
  };

  it("is published once, muted and unmuted as the device goes off and on", async () => {
    await on();
    p.device.close();
    await settle();
    await on();
    expect(p.log).toEqual(["publish camera 1", "mute", "unmute camera 2"]);
  });

  it("changes its device without being muted between", async () => {
    await on();
    p.device.close();
    void p.device.open();
    await p.opened();
    expect(p.log).toEqual(["publish camera 1", "replace camera 2"]);
  });

  it("is muted when the new device does not open", async () => {
    await on();
    p.refuse = true;
    p.device.close();
    void p.device.open();
    await p.opened();
    expect(p.log).toEqual(["publish camera 1", "mute"]);
  });

  async function unplug() {
    const media = p.tracks[0]?.media as { readyState: string };
    media.readyState = "ended";
    p.device.problem.value = "The camera was disconnected.";
    p.device.track.value = undefined;
    await settle();
    void p.outlet.lost();
    await p.opened();
  }

  it("goes on with another device when its own is unplugged", async () => {
    await on();
    await unplug();
    expect(p.log).toEqual(["publish camera 1", "replace camera 2"]);
    expect(p.said).toEqual(["The camera was disconnected. Using camera 2 instead."]);
    expect(p.device.id.value).toBe("");
  });

  it("is muted when there is no other, and comes back with one", async () => {
    await on();
    p.refuse = true;
    await unplug();
    expect(p.log).toEqual(["publish camera 1", "mute"]);
    expect(p.said).toEqual(["The camera was disconnected."]);
    p.refuse = false;
    p.device.problem.value = "";
    await on();
    expect(p.log[2]).toBe("unmute camera 2");
  });
});
