// Choosing and trying camera, microphone and speaker.
import { useState } from "preact/hooks";
import { camera, choices, chosenOf, listDevices, microphone, speaker, type Device } from "./devices";
import { useLoudness } from "./level";
import { Picture } from "./signs";
import { playTestSound } from "./testsound";

export function DeviceChoices({ sends }: { sends: boolean }) {
  const few = !choices.value.some((d) => d.kind !== "audiooutput");
  return (
    <section class={few ? "lobby-devices few" : "lobby-devices"} aria-label="Devices">
      {sends && <Choice label="Microphone" device={microphone} kind="audioinput" />}
      {sends && <Level />}
      {sends && <Choice label="Camera" device={camera} kind="videoinput" />}
      <SpeakerChoice />
    </section>
  );
}

function Choice({ label, device, kind }: { label: string; device: Device; kind: MediaDeviceKind }) {
  const list = choices.value.filter((d) => d.kind === kind);
  if (list.length === 0) return null;
  return (
    <label class={`choice ${device.kind}`}>
      {label}
      <Select list={list} id={device.id.value} onpick={(id) => void device.choose(id).then(listDevices)} />
    </label>
  );
}

function Select({ list, id, onpick }: { list: readonly MediaDeviceInfo[]; id: string; onpick(id: string): void }) {
  return (
    <select value={chosenOf(list, id)} onChange={(e) => onpick(e.currentTarget.value)}>
      {list.map((d) => (
        <option key={d.deviceId} value={d.deviceId}>
          {d.label}
        </option>
      ))}
    </select>
  );
}

const heardWords = { waiting: "Say something: the bar shows how loud you are.", heard: "Your microphone works.", silent: "Nothing is heard. Is it muted, or another one in use?" };

/** The bar is for the eye; the words, which change seldom, for everybody. */
function Level() {
  const track = microphone.track.value;
  const { level, state } = useLoudness(track);
  if (!track) return null;
  return (
    <div class="level">
      <div class="gauge" aria-hidden="true">
        <div class="fill" style={{ transform: `scaleX(${level.toFixed(3)})` }} />
      </div>
      <p class={state === "silent" ? "small problem" : "small quiet"} role="status">
        {heardWords[state]}
      </p>
    </div>
  );
}

function SpeakerChoice() {
  const list = speaker.canChoose ? choices.value.filter((d) => d.kind === "audiooutput") : [];
  return (
    <div class="choice speaker">
      {list.length > 0 ? (
        <label>
          Speaker
          <Select list={list} id={speaker.id.value} onpick={(id) => speaker.choose(id)} />
        </label>
      ) : (
        <p class="small label-like">Speaker</p>
      )}
      <TestSound />
    </div>
  );
}

function TestSound() {
  const [playing, setPlaying] = useState(false);
  const [problem, setProblem] = useState("");
  const play = async () => {
    setPlaying(true);
    setProblem("");
    try {
      await playTestSound((element) => speaker.apply(element));
    } catch {
      setProblem("The sound could not be played. Choose another speaker, or turn the volume up.");
    } finally {
      setPlaying(false);
    }
  };
  return (
    <>
      <button type="button" class="plain test" disabled={playing} onClick={() => void play()}>
        <span class="with-sign">
          <Picture name="speaker" size={18} />
          {playing ? "Playing…" : "Test sound"}
        </span>
      </button>
      {problem && (
        <p class="small problem" role="alert">
          {problem}
        </p>
      )}
    </>
  );
}
