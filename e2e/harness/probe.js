// Runs inside every page before its own scripts. It reads what a person would see and hear, from
// pixels and samples, and counters from getStats; it changes nothing but the size of cameras
// and the codec that `prefer` asks for.

(() => {
  const links = [];
  const Native = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Native {
    constructor(...args) {
      super(...args);
      links.push(this);
    }
  };

  // Offer one video codec alone where we send: how the codec scenarios choose.
  let only = "";
  const setPreferences = RTCRtpTransceiver.prototype.setCodecPreferences;
  RTCRtpTransceiver.prototype.setCodecPreferences = function (codecs) {
    const video = codecs.some((c) => c.mimeType.toLowerCase().startsWith("video/"));
    const sends = this.direction === "sendonly" || this.direction === "sendrecv";
    if (only && video && sends) {
      const keep = (c) => [`video/${only}`, "video/rtx"].includes(c.mimeType.toLowerCase());
      codecs = codecs.filter(keep);
    }
    return setPreferences.call(this, codecs);
  };

  // Small cameras: two cores encode and decode for all the people of a scenario.
  let camera = { width: 320, height: 180, frameRate: 20 };
  const open = navigator.mediaDevices?.getUserMedia.bind(navigator.mediaDevices);
  if (open) {
    navigator.mediaDevices.getUserMedia = (wanted) => {
      return open(wanted.video ? { ...wanted, video: { ...(wanted.video === true ? {} : wanted.video), ...camera } } : wanted);
    };
  }

  const luma = (video) => {
    const canvas = document.createElement("canvas");
    canvas.width = 48;
    canvas.height = 27;
    const g = canvas.getContext("2d", { willReadFrequently: true });
    g.drawImage(video, 0, 0, canvas.width, canvas.height);
    const { data } = g.getImageData(0, 0, canvas.width, canvas.height);
    const y = new Float32Array(data.length / 4);
    for (let i = 0; i < y.length; i++) y[i] = 0.3 * data[4 * i] + 0.59 * data[4 * i + 1] + 0.11 * data[4 * i + 2];
    return y;
  };
  const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

  /** Samples of a picture that became others, of all. */
  const changed = (a, b) => b.reduce((n, v, i) => n + (Math.abs(v - a[i]) > 12), 0) / b.length;

  /**
   * Visible tiles, what they show, and how much of the picture moves within `ms`. A picture that stands still until
   * then has more time, `longest` in all: a busy machine may draw one in a second.
   */
  async function tiles(ms = 400, longest = 2000) {
    const found = [...document.querySelectorAll("[data-participant][data-track]")].map((tile) => {
      const video = tile.matches("video") ? tile : tile.querySelector("video");
      const shown = video && video.videoWidth > 0 && video.checkVisibility({ visibilityProperty: true, opacityProperty: true });
      return { tile, video, first: shown ? luma(video) : null };
    });
    const end = performance.now() + longest;
    do await sleep(ms);
    while (performance.now() < end && found.some(({ tile, video, first }) => first && tile.isConnected && video.videoWidth > 0 && changed(first, luma(video)) === 0));
    return found.map(({ tile, video, first }) => {
      const { participant, track, kind } = tile.dataset;
      const seen = { participant, track, kind, width: video?.videoWidth ?? 0, height: video?.videoHeight ?? 0, motion: 0, contrast: 0 };
      seen.text = tile.textContent.trim();
      if (!first || !video.videoWidth) return seen;
      const second = luma(video);
      seen.motion = changed(first, second);
      seen.contrast = Math.max(...second) - Math.min(...second);
      return seen;
    });
  }

  /** Tracks of audio receivers that are in use, by mid. */
  function receiving() {
    const found = [];
    for (const link of links) {
      if (link.connectionState === "closed") continue;
      for (const { mid, receiver, currentDirection } of link.getTransceivers()) {
        if (receiver.track.kind !== "audio" || receiver.track.readyState !== "live") continue;
        if (["recvonly", "sendrecv"].includes(currentDirection)) found.push({ mid, track: receiver.track });
      }
    }
    return found;
  }

  const loud = 0.01; // what is quieter is silence
  const peakOf = (samples, peak = 0) => samples.reduce((p, v) => Math.max(p, Math.abs(v)), peak);

  /** Samples as they play, until so many of them are loud. */
  async function listen(context, tracks, ms, enough) {
    const heard = tracks.map(({ mid, track }) => {
      const analyser = context.createAnalyser();
      analyser.fftSize = 2048;
      context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
      return { mid, analyser, peak: 0 };
    });
    const samples = new Float32Array(2048);
    const end = performance.now() + ms;
    while (performance.now() < end && heard.filter((h) => h.peak > loud).length < enough) {
      await sleep(25);
      for (const h of heard) {
        h.analyser.getFloatTimeDomainData(samples);
        h.peak = peakOf(samples, h.peak);
      }
    }
    return heard.map(({ mid, peak }) => ({ mid, peak }));
  }

  /** Samples of a recording: Firefox starts no AudioContext on a machine without a sound card. */
  async function record({ mid, track }, ms) {
    const recorder = new MediaRecorder(new MediaStream([track]));
    const parts = [];
    recorder.ondataavailable = (e) => parts.push(e.data);
    recorder.start();
    await sleep(ms);
    await new Promise((resolve) => {
      recorder.onstop = resolve;
      recorder.stop();
    });
    const blob = new Blob(parts);
    if (blob.size === 0) return { mid, peak: 0 };
    const sound = await new OfflineAudioContext(1, 48000, 48000).decodeAudioData(await blob.arrayBuffer());
    return { mid, peak: peakOf(sound.getChannelData(0)) };
  }

  /**
   * The loudest sample, 0 to 1, of each audio receiver within `ms`, or until `enough` of them were loud. Silent ones are in
   * it with 0.
   */
  async function loudness(ms = 2500, enough = Infinity) {
    const context = new AudioContext();
    const runs = await Promise.race([context.resume().then(() => true), sleep(1000).then(() => false)]);
    try {
      if (runs) return await listen(context, receiving(), ms, enough);
      return await Promise.all(receiving().map((r) => record(r, ms)));
    } finally {
      context.close();
    }
  }

  /** RTP counters of all live links, and the candidate pair in use. */
  async function stats() {
    const all = { inbound: [], outbound: [], pairs: [], states: [] };
    for (const link of links) {
      if (link.connectionState === "closed") continue;
      all.states.push(link.connectionState);
      const report = await link.getStats();
      for (const s of report.values()) {
        const codec = report.get(s.codecId)?.mimeType;
        if (s.type === "inbound-rtp") {
          const { mid, kind, ssrc, framesDecoded = 0, framesReceived = 0, freezeCount = 0, packetsReceived = 0, bytesReceived = 0, packetsLost = 0, concealedSamples = 0,
            silentConcealedSamples = 0, totalSamplesReceived = 0, keyFramesDecoded = 0, frameWidth, frameHeight, decoderImplementation,
            totalFreezesDuration = 0, nackCount = 0, pliCount = 0, packetsDiscarded = 0 } = s;
          all.inbound.push({ mid, kind, ssrc, codec, framesDecoded, framesReceived, freezeCount, totalFreezesDuration, packetsReceived, bytesReceived, packetsLost,
            concealedSamples, silentConcealedSamples, totalSamplesReceived, keyFramesDecoded, frameWidth, frameHeight,
            decoderImplementation, nackCount, pliCount, packetsDiscarded });
        } else if (s.type === "outbound-rtp") {
          const { mid, kind, ssrc, rid, active, packetsSent = 0, framesEncoded = 0, frameWidth, frameHeight } = s;
          all.outbound.push({ mid, kind, ssrc, rid, active, codec, packetsSent, framesEncoded, frameWidth, frameHeight });
        } else if (s.type === "candidate-pair" && s.nominated && s.state === "succeeded") {
          all.pairs.push({
            local: report.get(s.localCandidateId)?.protocol,
            remote: report.get(s.remoteCandidateId)?.protocol,
            bytesReceived: s.bytesReceived,
          });
        }
      }
    }
    return all;
  }

  const label = (e) => (e.getAttribute("aria-label") ?? (e.textContent.trim() || e.title || "")).trim();
  const clickable = () => [...document.querySelectorAll("button, a[href], [role=button], input[type=submit]")];

  window.probe = {
    film: (size) => (camera = size),
    links,
    tiles,
    loudness,
    stats,
    prefer: (codec) => (only = codec.toLowerCase()),
    button: (name) => clickable().find((e) => label(e).toLowerCase().startsWith(name.toLowerCase()) && e.checkVisibility()) ?? null,
    buttons: () => clickable().filter((e) => e.checkVisibility()).map(label),
    field: (which) => [...document.querySelectorAll(which)].find((e) => ["text", "search", "textarea", ""].includes(e.type) && e.checkVisibility()) ?? null,
    text: () => document.body.innerText,
  };
})();
