// Runs inside the page of the slots gate. It shows nine people of a crowd, lets the driver change whom,
// and measures from pixels and samples: whose picture stands under which name, and how far a flash is
// from its beep.
//
// The crowd's clips (client/clip): each second a white picture of two frames and a tone of 0.1 s; three
// blocks in the picture are the clip's number, so the picture itself says whose it is.

(() => {
  const colours = ["red", "green", "blue", "yellow", "purple", "cyan", "orange", "grey"];
  const silence = 0.3; // seconds without sound before a beep
  const loud = 0.02; // sample value at which a beep begins

  const count = { local: 0, remote: 0 };
  const links = [];
  const Native = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Native {
    constructor(...args) {
      super(...args);
      links.push(this);
    }
    setLocalDescription(...args) {
      count.local++;
      return super.setLocalDescription(...args);
    }
    setRemoteDescription(...args) {
      count.remote++;
      return super.setRemoteDescription(...args);
    }
  };

  // What feeds which slot, as the wire says it: independent of the SDK.
  const slots = new Map();
  const NativeSocket = window.WebSocket;
  window.WebSocket = class extends NativeSocket {
    constructor(...args) {
      super(...args);
      this.addEventListener("message", ({ data }) => {
        const m = JSON.parse(data);
        if (m.type !== "slots") return;
        for (const s of m.body.slots) {
          slots.set(s.mid, s);
          (gate.wire[s.mid] ??= []).push({ ...s, at: performance.now() });
        }
      });
    }
  };

  // A worker that reads what the browser's audio renderer pulls from each slot, with the time of the pull.
  // (A tap by Web Audio has a buffer of its own, which a busy machine fills for good.) The clock of a
  // slot's samples differs from the page's by a constant: the smallest distance at which one was seen,
  // but for the first three seconds, while the renderer starts.
  const ear = `
    onmessage = ({ data: { i, samples } }) => void listen(i, samples);
    async function listen(i, samples) {
      let quiet = 0, pieces = 0, clock = Infinity;
      for await (const piece of samples) {
        const pulled = piece.timestamp / 1000, rate = piece.sampleRate, heard = new Float32Array(piece.numberOfFrames);
        if (++pieces > 300) clock = Math.min(clock, performance.timeOrigin + performance.now() - pulled);
        piece.copyTo(heard, { planeIndex: 0, format: "f32-planar" });
        piece.close();
        for (let k = 0; k < heard.length; k++) {
          if (Math.abs(heard[k]) < ${loud}) { quiet++; continue; }
          if (quiet > ${silence} * rate) postMessage({ i, pulled: pulled + (1000 * k) / rate, clock });
          quiet = 0;
        }
      }
    }`;

  const gate = { wire: {}, tiles: [], frames: [], beeps: [], flashes: [], changes: [] };

  async function start(url, token, wanted) {
    const { connect } = await import("/sdk.js");
    const room = await connect(url, token, { name: "gate", send: false, slots: wanted, maxSlots: wanted });
    gate.room = room;
    room.subscribe([], false); // nothing but what the driver wants
    for (let i = 0; i < wanted; i++) {
      const video = document.body.appendChild(document.createElement("video"));
      video.muted = true;
      video.style.width = "240px";
      gate.tiles.push({ video, index: i });
    }
    await listen(wanted);
    gate.offers = { ...count };
  }

  /** Plays every audio slot and lends it an ear. */
  async function listen(wanted) {
    const worker = new Worker(URL.createObjectURL(new Blob([ear], { type: "text/javascript" })));
    const receivers = links[0].getTransceivers().filter((t) => t.receiver.track.kind === "audio" && t.direction === "recvonly");
    gate.audio = receivers.slice(0, wanted).map((t, i) => {
      const element = new Audio(); // without an element Chromium does not pull the audio
      element.srcObject = new MediaStream([t.receiver.track]);
      element.muted = true;
      void element.play();
      const { readable } = new MediaStreamTrackProcessor({ track: t.receiver.track, maxBufferSize: 100 });
      worker.postMessage({ i, samples: readable }, [readable]);
      return { mid: t.mid, element };
    });
    worker.onmessage = ({ data: { i, pulled, clock } }) => {
      gate.audio[i].clock = clock;
      gate.beeps.push({ slot: gate.audio[i], track: slots.get(gate.audio[i].mid)?.track, pulled });
    };
    gate.latency = await outputLatency();
  }

  /** What is pulled is heard later by the latency of the output, in ms. */
  async function outputLatency() {
    const context = new AudioContext({ latencyHint: "interactive" });
    const tone = new ConstantSourceNode(context, { offset: 0 });
    tone.connect(context.destination);
    tone.start();
    await new Promise((resolve) => setTimeout(resolve, 1000)); // it is not known before
    const latency = 1000 * context.outputLatency;
    await context.close();
    return latency;
  }

  /** Puts a person on a tile. */
  function put(index, id) {
    const tile = gate.tiles[index];
    tile.stop?.();
    cancel(tile);
    const person = gate.room.participants.find((p) => p.id === id);
    const video = person.tracks.find((t) => t.kind === "video");
    const audio = person.tracks.find((t) => t.kind === "audio");
    Object.assign(tile, { person: id, name: person.name, track: video.id, audio: audio.id, since: performance.now(), visibleAt: 0, visible: false });
    gate.changes.push(tile.seen = { index, name: person.name, at: tile.since, visibleAfter: null });
    tile.stop = gate.room.show(video.id, tile.video, {
      onvisible: (visible) => {
        tile.visible = visible;
        if (visible && tile.seen.visibleAfter === null) tile.seen.visibleAfter = performance.now() - tile.since;
      },
    });
    watch(tile);
    wish();
  }

  function wish() {
    const tiles = gate.tiles.filter((t) => t.track);
    gate.room.subscribe(tiles.flatMap((t) => [{ track: t.track, width: 320, height: 180 }, { track: t.audio }]), false);
  }

  const canvas = document.createElement("canvas");
  canvas.width = 80;
  canvas.height = 45;
  const g = canvas.getContext("2d", { willReadFrequently: true });
  const at = (data, x, y) => {
    const i = 4 * ((y >> 2) * 80 + (x >> 2));
    return (data[i] + data[i + 1] + data[i + 2]) / 3;
  };

  /** Looks at every presented frame of a tile while it is visible. */
  function watch(tile) {
    const track = tile.track;
    const look = (_now, { expectedDisplayTime, rtpTimestamp }) => {
      if (tile.track !== track) return;
      tile.handle = tile.video.requestVideoFrameCallback(look);
      if (!tile.visible) return;
      g.drawImage(tile.video, 0, 0, 80, 45);
      const { data } = g.getImageData(0, 0, 80, 45);
      const white = [[16, 160], [160, 110], [300, 160], [304, 20]].every(([x, y]) => at(data, x, y) > 235);
      if (white) {
        if (!tile.white) gate.flashes.push({ track: tile.audio, turn: tile.seen, at: expectedDisplayTime, since: performance.now() - tile.since });
        tile.white = true;
        return;
      }
      tile.white = false;
      const bits = [64, 160, 256].map((x) => (at(data, x, 48) > 128 ? 1 : 0));
      const shown = colours[bits[0] * 4 + bits[1] * 2 + bits[2]];
      const named = tile.name.split(" ")[0];
      gate.frames.push(shown === named ? 1 : 0);
      if (shown !== named) (gate.wrong ??= []).push(evidence(tile, shown, rtpTimestamp));
    };
    tile.handle = tile.video.requestVideoFrameCallback(look);
  }

  /** What the wire said of the slot that a wrong picture came from. */
  function evidence(tile, shown, rtpTimestamp) {
    const now = performance.now();
    const mid = [...slots.values()].find((s) => s.track === tile.track)?.mid;
    const said = (gate.wire[mid] ?? []).slice(-5).map((s) => ({ ...s, at: Math.round(s.at - now) }));
    return { name: tile.name, shown, rtpTimestamp, since: Math.round(now - tile.since), mid, said };
  }

  function cancel(tile) {
    if (tile.handle !== undefined) tile.video.cancelVideoFrameCallback(tile.handle);
    tile.white = false;
  }

  /** Everything measured since the start. Each flash is paired with the nearest beep of its person. */
  async function result() {
    const sync = [];
    for (const b of gate.beeps) b.at = b.pulled + b.slot.clock + gate.latency - performance.timeOrigin;
    for (const f of gate.flashes) {
      let best;
      for (const b of gate.beeps) {
        if (b.track === f.track && (best === undefined || Math.abs(b.at - f.at) < Math.abs(best))) best = b.at - f.at;
      }
      if (best !== undefined && Math.abs(best) < 450) sync.push({ at: performance.timeOrigin + f.at, since: f.since, beepAfterFlash: best });
    }
    const stats = [];
    for (const s of (await links[0].getStats()).values()) {
      if (s.type === "inbound-rtp" && s.kind === "video") {
        const { mid, framesReceived, framesDecoded, framesDropped, keyFramesDecoded, freezeCount, totalFreezesDuration, pliCount, nackCount, packetsLost } = s;
        stats.push({ mid, framesReceived, framesDecoded, framesDropped, keyFramesDecoded, freezeCount, totalFreezesDuration, pliCount, nackCount, packetsLost });
      }
    }
    return {
      offersAtJoin: gate.offers, offers: { ...count },
      frames: gate.frames.length, wrong: gate.wrong ?? [],
      flashes: gate.flashes.length, beeps: gate.beeps.length, sync,
      changes: gate.changes.map(({ name, visibleAfter }) => ({ name, visibleAfter })),
      stats, latency: gate.latency, clocks: gate.audio.map((a) => a.clock),
    };
  }

  const crowd = () => gate.room.participants
    .filter((p) => p.tracks.some((t) => t.kind === "video") && p.tracks.some((t) => t.kind === "audio"))
    .map((p) => p.id);

  window.gate = { start, put, result, crowd, state: () => gate.room?.mediaState, shown: () => gate.tiles.map((t) => t.person) };
})();
