// The doctor's checks, one after the other. Each adds a finding.
import { computed, signal } from "@preact/signals";
import type { DoctorFacts, DoctorLink, DoctorTime, DoctorUpload, Finding } from "../../sdk/src/protocol";
import { candidatesOf, inquire, isOffered, NoWayError, Path, ways, type Way } from "./doctorlink";
import { judgeClock, judgeDeviceError, judgeEcho, judgeNAT, judgeSpeed, worst, type Rating } from "./doctorwords";

const pathTime = 6000; // ms for each way
const measureTime = 2000; // ms for each measurement
const downloadBytes = 4 << 20; // of one request
const uploadBytes = 512 << 10; // of one request, at most
const transferMost = 64 << 20; // bytes each way, on a fast line

const atFirst = "Looking at the browser"; // also before it begins: nobody has found yet that all is well

const groups = { here: "This browser", server: "Reaching the server", media: "Ways for media", network: "Your network", quality: "Quality" } as const;
type Group = keyof typeof groups;

/** What became of a way. */
interface Outcome {
  way: Way;
  path?: Path;
  skip?: string;
  error?: unknown;
}

export class Doctor {
  readonly findings = signal<readonly Finding[]>([]);
  /** What is being looked at; "" when all is done. */
  readonly now = signal(atFirst);
  readonly started = signal(0);
  readonly worst = computed(() => worst(this.findings.value));
  private stop = new AbortController();
  private facts?: DoctorFacts;

  /** Looks at everything but the devices. A second run ends the first. */
  async run(): Promise<void> {
    this.stop.abort();
    const stop = (this.stop = new AbortController());
    this.findings.value = [];
    this.started.value = Date.now();
    try {
      await this.examine(stop.signal);
    } catch (err) {
      if (!stop.signal.aborted) this.add("here", "fault", "The check itself", { state: "fail", text: `It ended early: ${told(err)}`, fix: "Load the page again." });
    }
    if (this.stop === stop) this.now.value = "";
  }

  end(): void {
    this.stop.abort();
  }

  private async examine(signal: AbortSignal): Promise<void> {
    this.now.value = atFirst;
    this.checkSecure();
    this.checkFeatures();
    this.checkCodecs();
    this.now.value = "Asking the server";
    if (!(await this.checkServer(signal))) return;
    await this.checkClock(signal);
    this.now.value = "Opening a WebSocket";
    await this.checkWebSocket(signal);
    if (typeof RTCPeerConnection === "undefined") return;
    this.now.value = "Trying each way for media";
    const { best, link } = await this.checkPaths(signal);
    this.now.value = "Looking at your network";
    if (link) await this.checkNAT(link, signal);
    if (best) await this.measureLink(best, signal).finally(() => best.close());
    this.now.value = "Measuring the speed over HTTP";
    await this.measureHTTP(signal);
  }

  private add(group: Group, id: string, title: string, rating: Rating): void {
    const others = this.findings.value.filter((f) => f.id !== id);
    this.findings.value = [...others, { id, group: groups[group], title, ...rating }];
  }

  private checkSecure(): void {
    this.add("here", "secure", "Secure page", window.isSecureContext
      ? { state: "ok", text: "The page came safely: the browser may give it camera and microphone." }
      : {
          state: "fail", text: "The page came by plain HTTP: the browser gives it neither camera nor microphone.",
          fix: `Open it by https://. ${this.facts ? `The server speaks it on port ${this.facts.mediaPort}.` : ""}`.trim(),
        });
  }

  private checkFeatures(): void {
    const missing = features.filter(([, has]) => !has()).map(([name]) => name);
    const needed = typeof RTCPeerConnection === "undefined" || typeof WebSocket === "undefined";
    if (missing.length === 0) this.add("here", "browser", "Browser", { state: "ok", text: "The browser has everything that calls use." });
    else this.add("here", "browser", "Browser", {
      state: needed ? "fail" : "warn", text: `The browser has no ${missing.join(", no ")}.`,
      fix: "Use a current Chrome, Edge, Firefox or Safari, by https://.",
    });
  }

  private checkCodecs(): void {
    if (typeof RTCRtpSender === "undefined" || !RTCRtpSender.getCapabilities) return;
    const names = (list: RTCRtpCapabilities | null) =>
      [...new Set(list?.codecs.map((c) => c.mimeType.split("/")[1] ?? "") ?? [])].filter((n) => !/^(rtx|red|ulpfec|flexfec-03|telephone-event|CN)$/i.test(n));
    const sends = names(RTCRtpSender.getCapabilities("video")), takes = names(RTCRtpReceiver.getCapabilities("video"));
    const audio = names(RTCRtpSender.getCapabilities("audio"));
    const more = takes.filter((c) => !sends.includes(c));
    const text = `It sends ${[...sends, ...audio].join(", ")}${more.length ? `, and shows ${more.join(", ")} too` : ""}.`;
    const common = sends.some((c) => /^(VP8|H264)$/i.test(c));
    this.add("here", "codecs", "Codecs", common ? { state: "ok", text } : {
      state: "warn", text: `${text} Others may not see it: most expect VP8 or H264.`, fix: "Use a browser that has one of these.",
    });
  }

  private async checkServer(signal: AbortSignal): Promise<boolean> {
    const begin = performance.now();
    try {
      this.facts = await getJSON<DoctorFacts>("/v1/doctor", signal);
    } catch (err) {
      this.add("server", "http", "Server", { state: "fail", text: `The server does not answer (${told(err)}).`, fix: "Check your network, and that the server runs. Then check again." });
      return false;
    }
    const took = Math.round(performance.now() - begin);
    this.add("server", "http", "Server", { state: "ok", text: `${location.host} answers in ${took} ms and sees you as ${this.facts.seen}.`, values: { milliseconds: took } });
    if (!window.isSecureContext) this.checkSecure(); // now that the port is known
    return true;
  }

  /** The offset of the clocks as in RFC 5905 §8; the try with the shortest round trip counts. */
  private async checkClock(signal: AbortSignal): Promise<void> {
    let best: { offset: number; within: number } | undefined;
    for (let i = 0; i < 5; i++) {
      const sent = Date.now(), at = performance.now();
      const t = await getJSON<DoctorTime>("/v1/doctor/time", signal).catch(() => undefined);
      if (!t) continue;
      const trip = performance.now() - at;
      const within = Math.max((trip - (t.sent - t.received) / 1000) / 2, 0);
      const offset = (t.received + t.sent) / 2000 - (sent + trip / 2);
      if (!best || within < best.within) best = { offset, within };
    }
    this.add("server", "clock", "Clock", best ? judgeClock(best.offset, best.within) : { state: "skip", text: "The server did not tell its time." });
  }

  /** Without a token the server says so in its first message: that it comes shows that messages pass. */
  private async checkWebSocket(signal: AbortSignal): Promise<void> {
    const ok = await new Promise<boolean>((resolve) => {
      const ws = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/v1/rooms/doctor`, "switchyard.v1");
      const end = (good: boolean) => () => {
        clearTimeout(timer);
        ws.close();
        resolve(good);
      };
      const timer = setTimeout(end(false), 8000);
      ws.onmessage = end(true);
      ws.onerror = ws.onclose = end(false);
      signal.addEventListener("abort", end(false), { once: true });
    });
    this.add("server", "websocket", "WebSocket", ok ? { state: "ok", text: "A WebSocket opens and carries messages." } : {
      state: "fail", text: "No WebSocket comes up: calls cannot begin.",
      fix: "A proxy or firewall on the way must allow WebSockets; https:// passes more of them than http://. Switch a VPN off to see whether it is the cause.",
    });
  }

  /** Tries all ways at once, and keeps the best. */
  private async checkPaths(signal: AbortSignal): Promise<{ best?: Path; link?: DoctorLink }> {
    let link: DoctorLink;
    try {
      link = await inquire(signal);
    } catch (err) {
      this.add("media", "link", "Diagnostic link", { state: "fail", text: told(err), fix: "Check again in a minute." });
      return {};
    }
    const outcomes = await Promise.all(ways.map(async (way): Promise<Outcome> => {
      if (!isOffered(way, link)) return { way, skip: notOffered(way) };
      return Path.open(way, link, pathTime, signal).then((path) => ({ way, path }), (error: unknown) => ({ way, error }));
    }));
    const best = outcomes.find((o) => o.path)?.path;
    outcomes.forEach((o) => o.path !== best && o.path?.close());
    outcomes.forEach((o) => this.add("media", o.way.id, o.way.title, this.judgePath(o, best, link)));
    this.add("media", "media", "Calls from here", this.judgePaths(best));
    return { best, link };
  }

  private judgePath(o: Outcome, best: Path | undefined, link: DoctorLink): Rating {
    if (o.skip) return { state: "skip", text: o.skip };
    if (o.path) return { state: "ok", text: `A media link came up with ${o.path.remote} in ${Math.round(o.path.took)} ms.`, values: { milliseconds: o.path.took } };
    if (!(o.error instanceof NoWayError)) return { state: "warn", text: `It could not be tried: ${told(o.error)}` };
    if (o.way.six && best && !best.way.six) return { state: "skip", text: "No link comes up over IPv6: this network has none, or it is blocked. Calls do without it." };
    const where = [...new Set(candidatesOf(link.sdp).filter((c) => o.way.turn || (c.tcp === Boolean(o.way.tcp) && c.six === Boolean(o.way.six))).map((c) => c.address))];
    return {
      state: best ? "warn" : "fail", text: `No media link comes up: nothing answers at port ${this.facts?.mediaPort} of ${where.slice(0, 3).join(", ")}.`,
      fix: `Allow ${o.way.tcp || o.way.turn ? "TCP" : "UDP"} to ${location.hostname}, port ${this.facts?.mediaPort}, in the firewalls on the way.`,
    };
  }

  private judgePaths(best: Path | undefined): Rating {
    const port = this.facts?.mediaPort;
    if (!best) return { state: "fail", text: "Media cannot reach the server in any way: calls will not work from here.", fix: `Open port ${port}, UDP and TCP, at the server and in the firewall here. Switch a VPN off to see whether it is the cause.` };
    if (!best.way.tcp && !best.way.turn) return { state: "ok", text: "Calls work from here, and media goes by UDP, which is best." };
    return { state: "warn", text: `UDP is blocked: calls work from here only by ${best.way.title}, which stalls when packets are lost.`, fix: `Ask whoever runs the network to allow UDP to ${location.hostname}, port ${port}.` };
  }

  /** Candidates of a connection of its own: Chromium takes nothing else from an address that is its STUN server. */
  private async checkNAT(link: DoctorLink, signal: AbortSignal): Promise<void> {
    const urls = (link.linkIceServers ?? []).flatMap((s) => s.urls).filter((u) => u.startsWith("stun:"));
    const seen = new Map<string, string>(), host = new Set<string>();
    if (urls.length) {
      const pc = new RTCPeerConnection({ iceServers: urls.map((u) => ({ urls: u })) });
      pc.onicecandidate = ({ candidate: c }) => {
        if (c?.type === "host" && c.address) host.add(c.address);
        if (c?.type === "srflx" && c.address) seen.set((c as { url?: string }).url ?? c.address, `${c.address}:${c.port}`);
      };
      pc.createDataChannel("nat");
      await pc.setLocalDescription();
      await new Promise<void>((resolve) => {
        const done = () => pc.iceGatheringState === "complete" && resolve();
        pc.onicegatheringstatechange = done;
        setTimeout(resolve, 3000);
        signal.addEventListener("abort", () => resolve(), { once: true });
        done();
      });
      pc.close();
    }
    this.add("network", "nat", "NAT", judgeNAT(seen, urls.length, host));
  }

  private async measureLink(best: Path, signal: AbortSignal): Promise<void> {
    this.now.value = "Measuring round trips and loss";
    this.add("quality", "echo", "Round trip and loss", await best.ping(measureTime, signal).then(judgeEcho, cannot));
    this.now.value = "Measuring the speed of the media link";
    const speed = async () => judgeSpeed("DataChannels of the media link carry", await best.flow("down", measureTime, signal), await best.flow("up", measureTime, signal));
    this.add("quality", "link-speed", "Speed of the media link", await speed().catch(cannot));
  }

  private async measureHTTP(signal: AbortSignal): Promise<void> {
    const speed = async () => judgeSpeed("HTTP carries", await download(signal), await upload(signal));
    this.add("quality", "http-speed", "Speed over HTTP", await speed().catch(cannot));
  }

  /** Opens camera and microphone, on a click; the streams belong to the caller. */
  async devices(): Promise<MediaStream[]> {
    const streams: MediaStream[] = [];
    for (const [id, title, kind] of [["camera", "Camera", "video"], ["microphone", "Microphone", "audio"]] as const) {
      try {
        const stream = await navigator.mediaDevices.getUserMedia({ [kind]: true });
        streams.push(stream);
        const track = stream.getTracks()[0];
        const size = track?.getSettings();
        const picture = kind === "video" && size?.width ? ` It sends ${size.width} by ${size.height} pixels.` : "";
        this.add("here", id, title, { state: "ok", text: `${track?.label || title} works.${picture}` });
      } catch (err) {
        this.add("here", id, title, judgeDeviceError(navigator.mediaDevices ? err : new DOMException("", "SecurityError")));
      }
    }
    return streams;
  }

  /** The findings as text, for a mail. */
  report(): string {
    const lines = [`Switchyard connection check of ${location.origin}`, new Date(this.started.value).toISOString(), navigator.userAgent, ""];
    for (const f of this.findings.value) lines.push(`[${f.state}] ${f.title}: ${f.text}${f.fix ? `\n    -> ${f.fix}` : ""}`);
    return lines.join("\n");
  }
}

const features: [string, () => boolean][] = [
  ["WebRTC", () => typeof RTCPeerConnection !== "undefined"],
  ["WebSocket", () => typeof WebSocket !== "undefined"],
  ["camera access", () => Boolean(navigator.mediaDevices?.getUserMedia)],
  ["replaceTrack", () => typeof RTCRtpSender !== "undefined" && "replaceTrack" in RTCRtpSender.prototype],
  ["transceivers", () => typeof RTCRtpTransceiver !== "undefined"],
];

function notOffered(w: Way): string {
  if (w.turn === "tls") return "The server offers no TURN over TLS; it does with a certificate of a known authority.";
  if (w.turn) return `The server offers no ${w.title}.`;
  return `The server has no ${w.six ? "IPv6" : "IPv4"} address${w.tcp ? " for TCP" : ""}.`;
}

const cannot = (err: unknown): Rating => ({ state: "skip", text: `It could not be measured: ${told(err)}` });

function told(err: unknown): string {
  return err instanceof Error && err.message ? err.message : "nothing came back";
}

async function getJSON<T>(path: string, signal: AbortSignal): Promise<T> {
  const response = await fetch(path, { signal, cache: "no-store" });
  if (!response.ok) throw new Error(`HTTP status ${response.status}`);
  return (await response.json()) as T;
}

/** Bits per second; what came before the end of the time counts. */
async function download(signal: AbortSignal): Promise<number> {
  const late = AbortSignal.any([signal, AbortSignal.timeout(measureTime)]);
  const begin = performance.now();
  let bytes = 0, took = 0;
  try {
    while (bytes < transferMost && !late.aborted) {
      const response = await fetch(`/v1/doctor/down?bytes=${downloadBytes}`, { signal: late, cache: "no-store" });
      if (!response.ok || !response.body) throw new Error(`HTTP status ${response.status}`);
      const reader = response.body.getReader();
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        bytes += part.value.byteLength;
        took = performance.now() - begin;
      }
    }
  } catch (err) {
    if (!late.aborted || signal.aborted) throw err;
  }
  if (!bytes) throw new NoWayError("nothing came back in time");
  return (bytes * 8000) / took;
}

/** Bits per second; a body counts when the server has answered. */
async function upload(signal: AbortSignal): Promise<number> {
  const late = AbortSignal.any([signal, AbortSignal.timeout(measureTime)]);
  const bulk = new Uint8Array(uploadBytes);
  for (let i = 0; i < bulk.length; i += 65536) crypto.getRandomValues(bulk.subarray(i, i + 65536));
  const begin = performance.now();
  let bytes = 0, took = 0;
  try {
    for (let size = 16384; bytes < transferMost && !late.aborted; size = Math.min(size * 2, uploadBytes)) {
      const response = await fetch("/v1/doctor/up", { method: "POST", body: bulk.subarray(0, size), signal: late });
      if (!response.ok) throw new Error(`HTTP status ${response.status}`);
      bytes += ((await response.json()) as DoctorUpload).bytes;
      took = performance.now() - begin;
    }
  } catch (err) {
    if (!late.aborted || signal.aborted) throw err;
  }
  if (!bytes) throw new NoWayError("nothing got through in time");
  return (bytes * 8000) / took;
}
