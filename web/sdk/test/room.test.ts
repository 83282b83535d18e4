import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { AudioElement } from "../src/audio";
import { encodeFrame, decodeFrame } from "../src/frame";
import type { Participant, PublishTrack, Track } from "../src/protocol";
import type { ConnectOptions } from "../src/options";
import { Room } from "../src/room";
import { asMedia, asPeer, FakeMedia, FakePeer } from "./peer";
import { FakeServer, settle, welcome } from "./server";

let server: FakeServer;
let peers: FakePeer[];
let audio: AudioElement[];
let refuse: boolean;
let room: Room;
let tracks: number;

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
  peers = [];
  audio = [];
  refuse = false;
  tracks = 0;
  makeRoom();
});

function makeRoom(options: ConnectOptions = {}) {
  room = new Room(new URL("wss://host/v1/rooms/standup"), "token", {
    name: "Ada",
    slots: 2,
    maxSlots: 3,
    ...options,
    environment: {
      dial: server.dial,
      wake: () => () => {},
      peer: (config) => {
        const peer = new FakePeer(config);
        peers.push(peer);
        return asPeer(peer);
      },
      audio: {
        stream: (track) => track as unknown as MediaStream,
        element: () => {
          const element: AudioElement = {
            srcObject: null,
            autoplay: false,
            play: async () => {
              if (refuse) throw Object.assign(new Error("click first"), { name: "NotAllowedError" });
            },
            pause: () => {},
          };
          audio.push(element);
          return element;
        },
      },
    },
  });
}

afterEach(() => {
  room.leave();
  vi.useRealTimers();
});

const peer = () => {
  const last = peers[peers.length - 1];
  if (!last) throw new Error("no connection was made");
  return last;
};

let seq: number;

async function answerJoin(participants: Participant[] = [person("me")]) {
  server.line.open();
  await settle();
  seq = 1;
  const body = welcome({ participants, answer: { type: "answer", sdp: "answer" }, iceServers: [{ urls: ["turns:x"] }] });
  server.line.say({ type: "welcome", re: server.line.last("join").id, seq, body });
  await settle();
}

async function joinRoom(participants?: Participant[]) {
  room.start();
  await answerJoin(participants);
}

function person(id: string, ...tracks: Track[]): Participant {
  return { id, name: id, joinedAt: 1, connected: true, tracks };
}

function video(id: string, participant: string): Track {
  return { id, participant, kind: "video", source: "camera" };
}

/** Answers the newest publish as the server would. */
async function answerPublish() {
  await settle();
  const sent = server.line.last("publish");
  const made = sent.body.tracks.map((t: PublishTrack): Track => {
    const { kind, source, muted } = t;
    return { id: `T${++tracks}`, participant: "me", kind, source, muted };
  });
  server.line.say({ type: "published", re: sent.id, seq: ++seq, body: { tracks: made } });
  await settle();
  return sent.body.tracks;
}

async function ok(type: "track" | "unpublish" | "subscribe" | "data") {
  await settle();
  const sent = server.line.last(type);
  server.line.say({ type: "ok", re: sent.id, seq: ++seq });
  await settle();
  return sent;
}

async function publishCamera() {
  const media = new FakeMedia("video");
  const publishing = room.publish(asMedia(media));
  await answerPublish();
  return { media, track: await publishing };
}

describe("joining", () => {
  it("brings one offer with positions to send, the slots and two channels", async () => {
    await joinRoom();
    const join = server.line.last("join");
    expect(join.body).toMatchObject({ name: "Ada", offer: { type: "offer", sdp: "offer 1" } });
    expect(peer().transceivers.map((t) => `${t.kind} ${t.init.direction}`)).toEqual([
      "audio sendonly", "video sendonly", "video sendonly", "audio sendonly",
      "audio recvonly", "video recvonly", "audio recvonly", "video recvonly",
      "audio recvonly", "audio recvonly", "audio recvonly",
    ]);
    expect(peer().channels.map((c) => c.label)).toEqual(["reliable", "lossy"]);
    expect(peer().remote).toEqual([{ type: "answer", sdp: "answer" }]);
    expect(peer().configs[0]?.iceServers).toEqual([{ urls: ["turns:x"] }]);
    expect(server.line.url).toBe("wss://host/v1/rooms/standup?token=token");
    expect(room.state).toBe("connected");
  });

  it("gathers with the relays that the server names as the socket opens", async () => {
    room.start();
    server.line.open();
    await settle();
    expect(server.line.last("join").body.offer?.sdp).toBe("offer 1");
    expect(peer().localDescription).toBeNull();
    server.line.say({ type: "ice", body: { link: "server", iceServers: [{ urls: ["turn:early"] }] } });
    await settle();
    expect(peer().configs.map((c) => c.iceServers)).toEqual([[{ urls: ["turn:early"] }]]);
    expect(peer().localDescription?.sdp).toBe("offer 1");
    await answerJoin();
    expect(peer().remote).toHaveLength(1);
    expect(peer().configs, "the welcome's are kept for a restart").toHaveLength(1);
    peer().become("failed");
    await settle();
    expect(peer().configs[1]?.iceServers).toEqual([{ urls: ["turns:x"] }]);
    expect(peer().offers[1]).toEqual({ iceRestart: true });
  });

  it("gathers at the welcome where no relays were named before", async () => {
    room.start();
    server.line.open();
    await settle();
    expect(peer().localDescription).toBeNull();
    await answerJoin();
    expect(peer().configs.map((c) => c.iceServers)).toEqual([[{ urls: ["turns:x"] }]]);
    expect(peer().localDescription?.sdp).toBe("offer 1");
  });

  it("tells who is there, and who comes and goes", async () => {
    const said: string[] = [];
    room.on("joined", (p) => said.push(`+${p.id}`));
    room.on("left", (p, why) => said.push(`-${p.id} ${why}`));
    room.on("published", (t) => said.push(`+${t.id}`));
    room.on("unpublished", (t) => said.push(`-${t.id}`));
    await joinRoom([person("me"), person("bob", video("B", "bob"))]);
    server.line.say({ type: "joined", seq: ++seq, body: { participant: person("eve") } });
    server.line.say({ type: "published", seq: ++seq, body: { tracks: [video("E", "eve")] } });
    server.line.say({ type: "left", seq: ++seq, body: { participant: "bob", reason: "lost" } });
    expect(said).toEqual(["+me", "+bob", "+B", "+eve", "+E", "-B", "-bob lost"]);
    expect(room.participants.map((p) => p.id)).toEqual(["me", "eve"]);
    expect(room.track("E")?.participant).toBe("eve");
  });

  it("uses the newest token at the next connection", async () => {
    await joinRoom();
    server.line.say({ type: "token", seq: ++seq, body: { token: "later" } });
    server.line.drop();
    await vi.advanceTimersByTimeAsync(1000);
    expect(server.line.url).toContain("token=later");
  });
});

describe("publishing", () => {
  it("fills the position that was made for the source, without an offer", async () => {
    await joinRoom();
    const { media, track } = await publishCamera();
    expect(track.info).toMatchObject({ id: "T1", source: "camera" });
    expect(server.line.last("publish").body.tracks).toMatchObject([{ mid: "1", kind: "video", source: "camera", width: 640 }]);
    expect(peer().transceivers[1]?.sent).toBe(media);
    expect(peer().offers).toHaveLength(1);
  });

  it("adds an m-line for a second camera, and takes a freed one again", async () => {
    await joinRoom();
    const { track } = await publishCamera();
    const second = room.publish(asMedia(new FakeMedia("video")));
    await settle();
    const signal = server.line.last("signal");
    expect(signal.body).toMatchObject({ link: "server", description: { type: "offer", sdp: "offer 2" } });
    server.line.say({
      type: "signal", re: signal.id, seq: ++seq,
      body: { link: "server", description: { type: "answer", sdp: "a2" } },
    });
    expect((await answerPublish())[0]?.mid).toBe("11");
    await second;
    const gone = track.unpublish();
    await ok("unpublish");
    await gone;
    expect(peer().transceivers[1]?.sent).toBeNull();
    await publishCamera();
    expect(server.line.last("publish").body.tracks[0]?.mid).toBe("1");
    expect(peer().offers).toHaveLength(2);
  });

  it("mutes: a video sends nothing, a microphone silence, and both say so", async () => {
    await joinRoom();
    const { media, track } = await publishCamera();
    void track.mute();
    expect((await ok("track")).body).toEqual({ track: "T1", muted: true });
    expect(peer().transceivers[1]?.sent).toBeNull();
    expect(room.track("T1")?.muted).toBe(true);
    const newer = new FakeMedia("video");
    void track.unmute(asMedia(newer));
    expect((await ok("track")).body).toEqual({ track: "T1", muted: false });
    expect(peer().transceivers[1]?.sent).toBe(newer);
    media.end(); // the old device matters no more
    expect(room.localTracks).toEqual([track]);

    const voice = new FakeMedia("audio");
    const publishing = room.publish(asMedia(voice));
    await answerPublish();
    void (await publishing).mute();
    await ok("track");
    expect(voice.enabled).toBe(false);
    expect(peer().transceivers[0]?.sent).toBe(voice);
  });

  it("unpublishes by itself when the device ends", async () => {
    await joinRoom();
    const ended = vi.fn();
    room.on("ended", ended);
    const { media, track } = await publishCamera();
    media.end();
    await ok("unpublish");
    expect(ended).toHaveBeenCalledWith(track);
    expect(room.localTracks).toEqual([]);
    expect(room.participant("me")?.tracks).toEqual([]);
  });

  it("keeps a track whose device goes away when it was asked to, for another device", async () => {
    await joinRoom();
    const media = new FakeMedia("video");
    const publishing = room.publish(asMedia(media), { keep: true });
    await answerPublish();
    const track = await publishing;
    const ended = vi.fn();
    room.on("ended", ended);
    media.end();
    await settle();
    expect(ended).toHaveBeenCalledWith(track);
    expect(server.line.types()).not.toContain("unpublish");
    const newer = new FakeMedia("video");
    await track.replace(asMedia(newer));
    expect(peer().transceivers[1]?.sent).toBe(newer);
    expect(room.localTracks).toEqual([track]);
    expect(server.line.types()).not.toContain("track");
  });

  it("obeys a moderator's mute without telling it back", async () => {
    await joinRoom();
    const { media, track } = await publishCamera();
    const told = vi.fn();
    room.on("muted", told);
    server.line.say({ type: "track", seq: ++seq, body: { track: "T1", muted: true } });
    await settle();
    expect(told).toHaveBeenCalledWith(track);
    expect([track.muted, media.enabled]).toEqual([true, false]);
    expect(server.line.types()).not.toContain("track");
  });

  it("encodes only what somebody receives", async () => {
    makeRoom({ simulcast: true });
    await joinRoom();
    const { track } = await publishCamera();
    const active = () => peer().transceivers[1]?.encodings.filter((e) => e.active !== false).map((e) => e.rid);
    const wanted = async (w: object) => {
      server.line.say({ type: "wanted", seq: ++seq, body: { tracks: [{ track: "T1", ...w }] } });
      await settle();
    };
    expect(active()).toEqual(["q", "h"]);
    await wanted({ layers: ["q"] });
    expect(active()).toEqual(["q"]);
    await wanted({ none: true });
    expect(active()).toEqual([]);
    await wanted({});
    expect(active()).toEqual(["q", "h"]);
    await wanted({ none: true });
    track.unpublish().catch(() => {}); // nobody answers it
    await settle();
    expect(active()).toEqual(["q", "h"]); // for who uses the position next
  });

  describe("that somebody cannot decode", () => {
    /** A camera in AV1, and the server asks for a backup. */
    async function askedForBackup() {
      makeRoom({ simulcast: true, codec: "av1" });
      await joinRoom();
      const camera = await publishCamera();
      await ask();
      return camera;
    }

    async function ask(codec = "VP8") {
      server.line.say({ type: "backup", seq: ++seq, body: { track: "T1", codec } });
      await settle();
    }

    /** Answers the offer with the new m-line. */
    async function answerOffer() {
      const { id } = server.line.last("signal");
      server.line.say({ type: "signal", re: id, seq: ++seq, body: { link: "server", description: { type: "answer", sdp: "a2" } } });
      await settle();
    }

    async function publishBackup() {
      const sent = server.line.last("publish");
      const body = { tracks: [{ id: "T9", participant: "me", kind: "video" as const, source: "camera" as const, codec: "VP8", backupOf: "T1" }] };
      server.line.say({ type: "published", re: sent.id, seq: ++seq, body });
      await settle();
      return sent.body.tracks;
    }

    const backup = () => peer().transceivers[11];
    const active = (n: number) => peer().transceivers[n]?.encodings.filter((e) => e.active !== false).map((e) => e.rid ?? "-");
    const wanted = async (w: { track: string; layers?: string[]; none?: boolean }) => {
      server.line.say({ type: "wanted", seq: ++seq, body: { tracks: [w] } });
      await settle();
    };

    it("is sent in another codec as well, at a position of its own", async () => {
      const { track, media } = await askedForBackup();
      expect(backup()).toMatchObject({ kind: "video", init: { direction: "sendonly" } });
      expect(peer().transceivers[1]?.encodings).toHaveLength(1); // of AV1: all layers in one stream
      expect(backup()?.encodings.map((e) => e.rid)).toEqual(["q", "h", "f"]);
      await ask(); // once is enough
      await answerOffer();
      expect(backup()?.sent).toBe(media);
      expect(await publishBackup()).toEqual([{ mid: "11", kind: "video", source: "camera", backupOf: "T1", codec: "VP8" }]);
      expect(peer().transceivers).toHaveLength(12);
      expect(peer().offers).toHaveLength(2);
      expect(track.backups).toEqual([{ codec: "VP8", mid: "11" }]);
      expect(room.participant("me")?.tracks.map((t) => t.id)).toEqual(["T1"]); // it is one track
      expect(server.line.types().filter((t) => t === "publish")).toHaveLength(2);
    });

    it("has each encoding made that somebody receives, and no other", async () => {
      await askedForBackup();
      await answerOffer();
      await publishBackup();
      expect([active(1), active(11)]).toEqual([["-"], ["q", "h"]]);
      await wanted({ track: "T9", layers: ["h"] });
      expect([active(1), active(11)]).toEqual([["-"], ["h"]]);
      await wanted({ track: "T1", none: true });
      expect([active(1), active(11)]).toEqual([[], ["h"]]);
      await wanted({ track: "T9", none: true });
      await wanted({ track: "T1" });
      expect([active(1), active(11)]).toEqual([["-"], []]);
    });

    it("takes its backup along when it is muted, changed and ended", async () => {
      const { track } = await askedForBackup();
      await answerOffer();
      await publishBackup();
      track.mute().catch(() => {}); // nobody answers
      await settle();
      expect(backup()?.sent).toBeNull();
      const other = asMedia(new FakeMedia("video"));
      track.unmute(other).catch(() => {});
      await settle();
      expect(backup()?.sent).toBe(other);
      track.unpublish().catch(() => {});
      await settle();
      expect(backup()?.sent).toBeNull();
      expect(server.line.last("unpublish").body).toEqual({ tracks: ["T1"] });
    });

    it("uses the position of an earlier backup again", async () => {
      const { track } = await askedForBackup();
      await answerOffer();
      await publishBackup();
      server.line.say({ type: "unpublished", seq: ++seq, body: { tracks: ["T9"] } });
      await settle();
      expect(track.backups).toEqual([]);
      expect(backup()?.sent).toBeNull();
      expect(track.info?.id).toBe("T1");
      await ask();
      expect(await publishBackup()).toMatchObject([{ mid: "11", backupOf: "T1" }]);
      expect(peer().transceivers).toHaveLength(12);
    });

    it("goes on without a backup that the server refuses", async () => {
      const told: string[] = [];
      const { track, media } = await askedForBackup();
      room.on("error", (e) => told.push(e.message));
      await answerOffer();
      const re = server.line.last("publish").id;
      server.line.say({ type: "error", re, seq: ++seq, body: { code: "limit", message: "no", retryable: false } });
      await settle();
      expect(track.backups).toEqual([]);
      expect(backup()?.sent).toBeNull();
      expect(peer().transceivers[1]?.sent).toBe(media);
      expect(told).toEqual([]);
    });

    it("is backed up anew after a new join", async () => {
      const { track } = await askedForBackup();
      await answerOffer();
      await publishBackup();
      server.line.say({ type: "signal", seq: ++seq, body: { link: "server", close: true } });
      await vi.advanceTimersByTimeAsync(2_000);
      await answerJoin();
      await answerPublish();
      expect(track.backups).toEqual([]);
      expect(track.info?.id).toBe("T2");
      server.line.say({ type: "backup", seq: ++seq, body: { track: "T2", codec: "H264" } });
      await settle();
      await answerOffer();
      expect(server.line.last("publish").body.tracks).toMatchObject([{ mid: "11", backupOf: "T2", codec: "H264" }]);
      expect(peers).toHaveLength(2);
      expect(backup()?.sent).toBe(track.media);
    });

    it("has no backup of a track that is gone", async () => {
      const { track } = await askedForBackup(); // the offer is not answered yet
      track.unpublish().catch(() => {});
      await settle();
      await answerOffer();
      expect(backup()?.sent).toBeNull();
      expect(server.line.types().filter((t) => t === "publish")).toHaveLength(1);
      server.line.say({ type: "backup", seq: ++seq, body: { track: "T77", codec: "VP8" } });
      await settle();
      expect(peer().offers).toHaveLength(2);
    });
  });

  it("that is refused gives its position back", async () => {
    await joinRoom();
    const refused = expect(room.publish(asMedia(new FakeMedia("video")))).rejects.toMatchObject({ code: "forbidden" });
    await settle();
    const re = server.line.last("publish").id;
    server.line.say({ type: "error", re, seq: ++seq, body: { code: "forbidden", message: "no", retryable: false } });
    await refused;
    expect(room.localTracks).toEqual([]);
    expect(peer().transceivers[1]?.sent).toBeNull();
  });
});

describe("a dropped WebSocket", () => {
  it("leaves media alone and resumes", async () => {
    await joinRoom();
    await publishCamera();
    peer().become("connected");
    const states: string[] = [];
    room.on("state", (s) => states.push(s));
    server.line.drop();
    await vi.advanceTimersByTimeAsync(1000);
    server.line.open();
    await settle();
    server.line.say({ type: "welcome", re: server.line.last("resume").id, body: welcome({ resumed: true }) });
    await settle();
    expect(states).toEqual(["reconnecting", "connected"]);
    expect(peers).toHaveLength(1);
    expect(peer().closed).toBe(false);
    expect(peer().offers).toHaveLength(1);
  });

  it("restarts ICE when media was hurt, too", async () => {
    await joinRoom();
    peer().become("connected");
    peer().become("disconnected");
    server.line.drop();
    await vi.advanceTimersByTimeAsync(1000);
    server.line.open();
    await settle();
    server.line.say({ type: "welcome", re: server.line.last("resume").id, body: welcome({ resumed: true }) });
    await settle();
    expect(peer().offers.at(-1)).toEqual({ iceRestart: true });
  });
});

describe("a lost session", () => {
  it("gets a new link and publishes everything again in one message, muted as it was", async () => {
    await joinRoom([person("me"), person("bob", video("B", "bob"))]);
    const { track } = await publishCamera();
    const publishing = room.publish(asMedia(new FakeMedia("audio")), { muted: true });
    await answerPublish();
    await publishing;
    const said: string[] = [];
    room.on("left", (p) => said.push(`-${p.id}`));
    room.on("unpublished", (t) => said.push(`-${t.id}`));
    room.on("published", (t) => said.push(`+${t.id}`));

    server.line.drop();
    await vi.advanceTimersByTimeAsync(1000);
    server.line.open();
    await settle();
    const re = server.line.last("resume").id;
    server.line.say({ type: "error", re, body: { code: "session-unknown", message: "?", retryable: false } });
    await settle();
    seq = 1;
    server.line.say({
      type: "welcome", re: server.line.last("join").id, seq,
      body: welcome({ participants: [person("me"), person("bob", video("B2", "bob"))], answer: { type: "answer", sdp: "a" } }),
    });
    const again = await answerPublish();
    expect(again).toMatchObject([{ mid: "1", source: "camera" }, { mid: "0", source: "microphone", muted: true }]);
    expect(peers).toHaveLength(2);
    expect(peers[0]?.closed).toBe(true);
    expect(peer().transceivers[1]?.sent).toBe(track.media);
    expect(track.info?.id).toBe("T3");
    expect(said).toEqual(["-T1", "-T2", "-B", "+B2", "+T3", "+T4"]);
  });

  it("finishes what was being published meanwhile", async () => {
    await joinRoom();
    const publishing = room.publish(asMedia(new FakeMedia("video")));
    await settle();
    server.line.drop();
    await vi.advanceTimersByTimeAsync(1000);
    server.line.open();
    await settle();
    const re = server.line.last("resume").id;
    server.line.say({ type: "error", re, body: { code: "session-unknown", message: "?", retryable: false } });
    await settle();
    seq = 1;
    const body = welcome({ participants: [person("me")], answer: { type: "answer", sdp: "a" } });
    server.line.say({ type: "welcome", re: server.line.last("join").id, seq, body });
    await answerPublish();
    expect((await publishing).info?.id).toBe("T1");
    expect(server.line.types().filter((t) => t === "publish")).toHaveLength(1);
  });
});

describe("the link", () => {
  it("restarts ICE when it fails, after a moment of disconnection, and when told", async () => {
    await joinRoom();
    peer().become("connected");
    peer().become("disconnected");
    await vi.advanceTimersByTimeAsync(2_900);
    expect(peer().offers).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(200);
    expect(peer().offers.at(-1)).toEqual({ iceRestart: true });
    const signal = server.line.last("signal");
    server.line.say({ type: "signal", re: signal.id, seq: ++seq, body: { link: "server", description: { type: "answer", sdp: "a" } } });
    await settle();
    peer().become("connected");
    server.line.say({ type: "restart-ice", seq: ++seq, body: { link: "server" } });
    await settle();
    expect(peer().offers).toHaveLength(3);
  });

  it("negotiates one thing at a time", async () => {
    await joinRoom();
    server.line.say({ type: "need-slots", seq: ++seq, body: { audio: 0, video: 5 } });
    server.line.say({ type: "restart-ice", seq: ++seq, body: { link: "server" } });
    await settle();
    expect(peer().offers).toHaveLength(2);
    const videos = peer().transceivers.filter((t) => t.kind === "video" && t.init.direction === "recvonly");
    expect(videos).toHaveLength(3); // as many as are allowed
    const signal = server.line.last("signal");
    server.line.say({ type: "signal", re: signal.id, seq: ++seq, body: { link: "server", description: { type: "answer", sdp: "a" } } });
    await settle();
    expect(peer().offers).toHaveLength(3);
  });

  it("joins anew when the server has closed the link", async () => {
    await joinRoom();
    server.line.say({ type: "signal", seq: ++seq, body: { link: "server", close: true } });
    await vi.advanceTimersByTimeAsync(2_000);
    expect(server.lines).toHaveLength(2);
    server.line.open();
    await settle();
    expect(server.line.last("join").body.offer).toBeDefined();
    expect(server.line.types()).not.toContain("resume");
  });

  it("takes a refused offer back", async () => {
    await joinRoom();
    const errors = vi.fn();
    room.on("error", errors);
    server.line.say({ type: "need-slots", seq: ++seq, body: { audio: 1, video: 1 } });
    await settle();
    const re = server.line.last("signal").id;
    server.line.say({ type: "error", re, seq: ++seq, body: { code: "bad-offer", message: "no", retryable: false } });
    await settle();
    expect(peer().signalingState).toBe("stable");
    expect(errors).toHaveBeenCalledOnce();
  });

  it("is made anew when the server does not know it", async () => {
    await joinRoom();
    peer().become("failed");
    await settle();
    const re = server.line.last("signal").id;
    server.line.say({ type: "error", re, seq: ++seq, body: { code: "not-found", message: "?", retryable: false } });
    await vi.advanceTimersByTimeAsync(1000);
    await answerJoin();
    expect(peers).toHaveLength(2);
    expect(room.state).toBe("connected");
  });
});

describe("slots", () => {
  const surface = () => {
    const s = {
      visible: false,
      media: undefined as MediaStreamTrack | undefined,
      frame: (_: number | undefined) => {},
      attach: (m: MediaStreamTrack | undefined) => void (s.media = m),
      show: (v: boolean) => void (s.visible = v),
      onframe: (f: (t: number | undefined) => void) => ((s.frame = f), () => {}),
    };
    return s;
  };

  it("feed the surfaces that show a track", async () => {
    await joinRoom([person("me"), person("bob", video("B", "bob"))]);
    const s = surface();
    const stop = room.showOn("B", s);
    server.line.say({ type: "slots", seq: ++seq, body: { slots: [{ mid: "5", kind: "video", track: "B", generation: 1, timestamp: 100 }] } });
    expect(s.media).toBe(peer().transceivers[5]?.receiver.track);
    s.frame(100);
    expect(s.visible).toBe(true);
    server.line.say({ type: "slots", seq: ++seq, body: { slots: [{ mid: "5", kind: "video", generation: 2 }] } });
    expect(s.visible).toBe(false);
    stop();
  });

  it("are dark while the track is muted, whatever the slot says", async () => {
    await joinRoom([person("me"), person("bob", video("B", "bob"))]);
    const s = surface();
    room.showOn("B", s);
    server.line.say({ type: "slots", seq: ++seq, body: { slots: [{ mid: "5", kind: "video", track: "B", generation: 1, timestamp: 100 }] } });
    s.frame(100);
    server.line.say({ type: "track", seq: ++seq, body: { track: "B", muted: true } });
    expect(s.visible).toBe(false);
    server.line.say({ type: "track", seq: ++seq, body: { track: "B", muted: false } });
    expect(s.visible).toBe(false);
    s.frame(5000);
    expect(s.visible).toBe(true);
  });

  it("are forgotten with the link they belong to", async () => {
    await joinRoom([person("me"), person("bob", video("B", "bob"))]);
    const s = surface();
    room.showOn("B", s);
    server.line.say({ type: "slots", seq: ++seq, body: { slots: [{ mid: "5", kind: "video", track: "B", generation: 9, timestamp: 1 }] } });
    s.frame(1);
    server.line.say({ type: "error", seq: ++seq, body: { code: "session-unknown", message: "", retryable: false, fatal: true } });
    await vi.advanceTimersByTimeAsync(1000);
    await answerJoin([person("me"), person("bob", video("B", "bob"))]);
    expect(s.visible).toBe(false);
    server.line.say({ type: "slots", seq: ++seq, body: { slots: [{ mid: "7", kind: "video", track: "B", generation: 1, timestamp: 5 }] } });
    s.frame(6);
    expect(s.visible).toBe(true);
  });
});

describe("sound", () => {
  it("plays each audio slot on an element of its own", async () => {
    await joinRoom();
    expect(audio).toHaveLength(5);
    expect(room.audioBlocked).toBe(false);
  });

  it("says when the browser wants a click, and starts with it", async () => {
    refuse = true;
    const said: boolean[] = [];
    room.on("audioblocked", (b) => said.push(b));
    await joinRoom();
    expect(room.audioBlocked).toBe(true);
    refuse = false;
    await room.startAudio();
    expect(said).toEqual([true, false]);
  });
});

describe("data", () => {
  it("goes as messages", async () => {
    await joinRoom();
    const got = vi.fn();
    room.on("data", got);
    const sending = room.send("chat", { text: "hi" }, ["bob"]);
    expect((await ok("data")).body).toEqual({ topic: "chat", payload: { text: "hi" }, to: ["bob"] });
    await sending;
    server.line.say({ type: "data", seq: ++seq, body: { from: "bob", topic: "chat", payload: { text: "yo" } } });
    expect(got).toHaveBeenCalledWith({ from: "bob", topic: "chat", payload: { text: "yo" } });
  });

  it("goes as bytes in frames", async () => {
    await joinRoom();
    const got = vi.fn();
    room.on("bytes", got);
    await room.sendBytes("cursor", new Uint8Array([1, 2]), { to: ["bob"], reliable: false });
    const [, lossy] = peer().channels;
    const frame = decodeFrame(lossy?.sent[0]?.slice().buffer ?? new ArrayBuffer(0));
    expect(frame?.header).toEqual({ topic: "cursor", to: ["bob"] });
    expect([...(frame?.payload ?? [])]).toEqual([1, 2]);
    lossy?.onmessage?.({ data: encodeFrame({ from: "bob", topic: "cursor" }, new Uint8Array([3])).buffer });
    expect(got.mock.calls[0]?.[0]).toMatchObject({ from: "bob", topic: "cursor", reliable: false });
    await expect(room.sendBytes("x", new Uint8Array(2000))).rejects.toMatchObject({ code: "too-large" });
  });

  it("waits while the reliable channel is full, and drops on the lossy one", async () => {
    await joinRoom();
    const [reliable, lossy] = peer().channels;
    if (!reliable || !lossy) throw new Error("no channels");
    reliable.bufferedAmount = lossy.bufferedAmount = 2 << 20;
    await room.sendBytes("x", new Uint8Array(1), { reliable: false });
    const sending = room.sendBytes("x", new Uint8Array(1));
    await settle();
    expect([reliable.sent.length, lossy.sent.length]).toEqual([0, 0]);
    reliable.bufferedAmount = 0;
    reliable.fire("bufferedamountlow");
    await sending;
    expect(reliable.sent).toHaveLength(1);
  });
});

describe("wishes", () => {
  it("asks for exactly what the application says, and again in a new session", async () => {
    await joinRoom();
    room.subscribe([{ track: "B", width: 100, height: 50 }]);
    await vi.advanceTimersByTimeAsync(150);
    expect((await ok("subscribe")).body).toEqual({ wishes: [{ track: "B", width: 100, height: 50 }], auto: false });
    server.line.say({ type: "error", seq: ++seq, body: { code: "session-unknown", message: "", retryable: false, fatal: true } });
    await vi.advanceTimersByTimeAsync(1000);
    await answerJoin();
    await vi.advanceTimersByTimeAsync(150);
    expect(server.line.last("subscribe").body.wishes).toHaveLength(1);
  });

  it("says nothing when there is nothing to wish", async () => {
    await joinRoom();
    await vi.advanceTimersByTimeAsync(1000);
    expect(server.line.types()).toEqual(["join"]);
  });
});

it("reports every 5 s while media flows", async () => {
  await joinRoom();
  await vi.advanceTimersByTimeAsync(5_000);
  expect(server.line.types()).not.toContain("report");
  peer().become("connected");
  await vi.advanceTimersByTimeAsync(5_000);
  expect(server.line.last("report").body).toMatchObject({ cpu: "nominal" });
});

it("ends for good with leave()", async () => {
  await joinRoom();
  const closed = vi.fn();
  room.on("closed", closed);
  room.leave();
  expect(closed).toHaveBeenCalledWith(undefined);
  expect(peer().closed).toBe(true);
  await expect(room.publish(asMedia(new FakeMedia("video")))).rejects.toMatchObject({ code: "closed" });
});

describe("attributes", () => {
  it("are set, told, and brought again by the next join", async () => {
    await joinRoom([person("me")]);
    const setting = room.setAttributes({ hand: "1" });
    await settle();
    const sent = server.line.last("participant");
    expect(sent.body).toEqual({ participant: "me", attributes: { hand: "1" } });
    server.line.say({ type: "ok", re: sent.id, seq: ++seq });
    await setting;
    server.line.say({ type: "participant", seq: ++seq, body: { participant: "me", attributes: { hand: "1", seat: "3" } } });
    await settle();
    expect(room.participant("me")?.attributes).toEqual({ hand: "1", seat: "3" });

    server.line.say({ type: "signal", seq: ++seq, body: { link: "server", close: true } });
    await settle();
    vi.advanceTimersByTime(5_000);
    await settle();
    server.line.open();
    await settle();
    expect(server.line.last("join").body.attributes).toEqual({ hand: "1", seat: "3" });
  });

  it("of others are theirs", async () => {
    await joinRoom([person("me"), person("bob")]);
    void room.setAttributes({ hand: "" }, "bob").catch(() => {});
    await settle();
    expect(server.line.last("participant").body).toEqual({ participant: "bob", attributes: { hand: "" } });
    server.line.say({ type: "participant", seq: ++seq, body: { participant: "bob", attributes: {} } });
    expect(room.participant("bob")?.attributes).toEqual({});
  });
});

describe("metadata", () => {
  it("is what the server told last, all of it", async () => {
    await joinRoom([person("me")]);
    expect(room.metadata).toEqual({});
    const told: Record<string, string>[] = [];
    room.on("metadata", (m) => told.push(m));
    server.line.say({ type: "room", seq: ++seq, body: { metadata: { team: "blue", floor: "2" } } });
    server.line.say({ type: "room", seq: ++seq, body: { metadata: { floor: "3" } } });
    expect(told).toEqual([{ team: "blue", floor: "2" }, { floor: "3" }]);
    expect(room.metadata).toEqual({ floor: "3" });
  });
});

describe("grants", () => {
  it("that change while one is in the room", async () => {
    await joinRoom([person("me"), person("bob")]);
    server.line.say({ type: "participant", seq: ++seq, body: { participant: "me", role: "speaker", grants: { publish: ["microphone"] } } });
    expect(room.grants).toEqual({ publish: ["microphone"] });
    expect(room.participant("me")?.role).toBe("speaker");
    server.line.say({ type: "participant", seq: ++seq, body: { participant: "bob", grants: { moderate: true } } });
    expect(room.grants).toEqual({ publish: ["microphone"] });
  });
});

describe("watching the link", () => {
  const watches = () => server.line.sent.filter((m) => m.type === "watch-link").map((m) => m.body);

  it("asks, tells what comes, and ends", async () => {
    await joinRoom();
    const told: number[] = [];
    room.on("link-stats", (s) => told.push(s.estimate));
    room.watchLink(true);
    room.watchLink(true);
    expect(watches()).toEqual([{ on: true }]);
    const body = { estimate: 2e6, target: 2e6, wanted: 0, sent: 0, acked: 0, queue: 0, loss: 0, rtt: 0, limit: "delay", slots: [] };
    server.line.say({ type: "link-stats", seq: ++seq, body });
    expect(told).toEqual([2e6]);
    room.watchLink(false);
    expect(watches()).toEqual([{ on: true }, { on: false }]);
  });

  it("asks again after a dropped WebSocket, if it is still wanted", async () => {
    await joinRoom();
    room.watchLink(true);
    const resume = async () => {
      server.line.drop();
      await vi.advanceTimersByTimeAsync(3000);
      server.line.open();
      await settle();
    };
    const resumed = async () => {
      const ack = 1000; // the server has got all that was sent before
      server.line.say({ type: "welcome", re: server.line.last("resume").id, ack, body: welcome({ resumed: true }) });
      await settle();
    };
    await resume();
    await resumed();
    expect(watches()).toEqual([{ on: true }]);
    await resume();
    room.watchLink(false); // while nobody hears it
    await resumed();
    expect(watches()).toEqual([{ on: false }]);
    await resume();
    await resumed();
    expect(watches()).toEqual([]);
  });
});
