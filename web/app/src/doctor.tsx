// The page that says whether calls will work from here.
import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Finding, FindingState } from "../../sdk/src/protocol";
import { Doctor } from "./doctorchecks";
import { Line, Mark } from "./doctorline";
import { useLoudness } from "./level";

export function DoctorPage() {
  const doctor = useRef<Doctor>(null);
  const d = (doctor.current ??= new Doctor());
  useEffect(() => {
    document.title = "Connection check · Switchyard";
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

function Devices({ doctor }: { doctor: Doctor }) {
  const busy = useSignal(false), streams = useSignal<readonly MediaStream[]>([]);
  const here = useRef(true);
  const close = () => {
    stop(streams.value);
    streams.value = [];
  };
  useEffect(() => () => {
    here.current = false;
    close();
  }, []);
  const test = async () => {
    close();
    busy.value = true;
    const opened = await doctor.devices();
    if (!here.current) return stop(opened); // the page was left while the browser asked
    streams.value = opened;
    busy.value = false;
  };
  const picture = streams.value.find((s) => s.getVideoTracks().length > 0);
  const sound = streams.value.flatMap((s) => s.getAudioTracks())[0];
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
      {sound && <Level track={sound} />}
    </section>
  );
}

function stop(streams: readonly MediaStream[]): void {
  for (const track of streams.flatMap((s) => s.getTracks())) track.stop();
}

function Preview({ stream }: { stream: MediaStream }) {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    if (video.current) video.current.srcObject = stream;
  }, [stream]);
  return <video ref={video} class="device-picture" autoplay muted playsInline aria-label="Your camera" />;
}

/** Moves when the microphone hears something. */
function Level({ track }: { track: MediaStreamTrack }) {
  const { level, state } = useLoudness(track);
  return (
    <div class="device-level">
      <meter min={0} max={1} value={level} aria-label="Loudness of your microphone" />
      <p role="status">{heardWords[state]}</p>
    </div>
  );
}

const heardWords = {
  waiting: "Say something: the bar should move.",
  heard: "The microphone hears you.",
  silent: "Nothing is heard. Is it muted, or another one in use?",
};
