// The page that says whether calls will work from here.
import { signal, useComputed, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Finding, FindingState } from "../../sdk/src/protocol";
import { Doctor } from "./doctorchecks";
import { Line, Mark } from "./doctorline";

export function DoctorPage() {
  const doctor = useRef<Doctor>(null);
  const d = (doctor.current ??= new Doctor());
  useEffect(() => {
    document.title = "Connection check – Switchyard";
    void d.run();
    return () => d.end();
  }, []);
  return (
    <main class="doctor">
      <header class="doctor-head">
        <a class="brand" href="/">
          <img src="/favicon.svg" alt="" width="28" height="28" />
          Switchyard
        </a>
        <h1>Connection check</h1>
        <p class="quiet">Whether calls work from here, through {location.host}, and what is in the way.</p>
      </header>
      <Verdict doctor={d} />
      <Findings doctor={d} />
      <Devices doctor={d} />
    </main>
  );
}

function Verdict({ doctor }: { doctor: Doctor }) {
  const busy = doctor.now.value !== "";
  const state: FindingState = busy ? "skip" : doctor.worst.value;
  const media = doctor.findings.value.find((f) => f.id === "media");
  const failed = doctor.findings.value.filter((f) => f.state === "fail");
  const text = busy ? `${doctor.now.value} …` : (failed.find((f) => f.id !== "media") ?? media ?? failed[0])?.text ?? "";
  return (
    <section class={`verdict ${state}`} aria-busy={busy}>
      {busy ? <span class="spinner" aria-hidden="true" /> : <Mark state={state} />}
      <div role="status">
        <p class="verdict-title">{busy ? "Checking" : titles[state]}</p>
        <p>{text}</p>
      </div>
      <div class="verdict-actions">
        <button type="button" class="secondary" disabled={busy} onClick={() => void doctor.run()}>
          Check again
        </button>
        <CopyReport doctor={doctor} disabled={busy} />
      </div>
    </section>
  );
}

const titles: Record<FindingState, string> = {
  ok: "All is well",
  skip: "All is well",
  warn: "Calls work, but not at their best",
  fail: "Something is in the way",
};

function CopyReport({ doctor, disabled }: { doctor: Doctor; disabled: boolean }) {
  const said = useSignal("");
  const copy = async () => {
    said.value = (await copyText(doctor.report())) ? "Copied" : "Select and copy the list below";
    setTimeout(() => (said.value = ""), 4000);
  };
  return (
    <button type="button" class="primary" disabled={disabled} onClick={() => void copy()}>
      <span aria-live="polite">{said.value || "Copy report"}</span>
    </button>
  );
}

/** Pages of plain HTTP have no clipboard: the old way works there. */
async function copyText(text: string): Promise<boolean> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text).then(() => true, () => false);
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}

function Findings({ doctor }: { doctor: Doctor }) {
  const groups = useComputed(() => {
    const out = new Map<string, Finding[]>();
    for (const f of doctor.findings.value) out.set(f.group, [...(out.get(f.group) ?? []), f]);
    return [...out];
  });
  return (
    <div class="findings">
      {groups.value.map(([group, findings]) => (
        <section key={group} class="finding-group">
          <h2>{group}</h2>
          <ul>
            {findings.map((f) => (
              <Line key={f.id} finding={f} />
            ))}
          </ul>
        </section>
      ))}
    </div>
  );
}

const streams = signal<MediaStream[]>([]);

function Devices({ doctor }: { doctor: Doctor }) {
  const busy = useSignal(false);
  const close = () => {
    for (const s of streams.value) s.getTracks().forEach((t) => t.stop());
    streams.value = [];
  };
  useEffect(() => close, []);
  const test = async () => {
    close();
    busy.value = true;
    streams.value = await doctor.devices();
    busy.value = false;
  };
  const picture = streams.value.find((s) => s.getVideoTracks().length > 0);
  const sound = streams.value.find((s) => s.getAudioTracks().length > 0);
  return (
    <section class="device-test" aria-label="Camera and microphone">
      <div>
        <h2>Camera and microphone</h2>
        <p class="quiet">The browser asks for permission. Nothing is sent or kept.</p>
      </div>
      {streams.value.length > 0 ? (
        <button type="button" class="secondary" onClick={close}>
          Switch them off
        </button>
      ) : (
        <button type="button" class="secondary" disabled={busy.value} onClick={() => void test()}>
          Test them
        </button>
      )}
      {picture && <Preview stream={picture} />}
      {sound && <Level stream={sound} />}
    </section>
  );
}

function Preview({ stream }: { stream: MediaStream }) {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    if (video.current) video.current.srcObject = stream;
  }, [stream]);
  return <video ref={video} class="device-picture" autoplay muted playsInline aria-label="Your camera" />;
}

/** Moves when the microphone hears something. */
function Level({ stream }: { stream: MediaStream }) {
  const level = useSignal(0);
  const heard = useSignal(false);
  useEffect(() => {
    const context = new AudioContext();
    const meter = context.createAnalyser();
    context.createMediaStreamSource(stream).connect(meter);
    const samples = new Float32Array(meter.fftSize);
    const timer = setInterval(() => {
      meter.getFloatTimeDomainData(samples);
      const loud = Math.sqrt(samples.reduce((sum, v) => sum + v * v, 0) / samples.length);
      level.value = Math.min(1, loud * 4);
      heard.value ||= loud > 0.01;
    }, 100);
    return () => {
      clearInterval(timer);
      void context.close();
    };
  }, [stream]);
  return (
    <div class="device-level">
      <meter min={0} max={1} value={level.value} aria-label="Loudness of your microphone" />
      <p role="status">{heard.value ? "The microphone hears you." : "Say something: the bar should move."}</p>
    </div>
  );
}
