// Before the call: a look at yourself, your name, and one button.
import { useEffect, useState } from "preact/hooks";
import { camera, choices, listDevices, microphone, openDevices, type Device } from "./devices";
import { Icon } from "./icons";
import { loadName, saveName } from "./memory";
import { OwnVideo } from "./video";

interface Props {
  title: string;
  about?: string;
  /** Asks for a name: on an invitation. */
  named: boolean;
  busy: boolean;
  problem?: string;
  onjoin(name: string): void;
}

export function Lobby({ title, about, named, busy, problem, onjoin }: Props) {
  const [name, setName] = useState(loadName());
  useEffect(() => {
    void openDevices({ camera: true, microphone: true });
    const changed = () => void listDevices();
    navigator.mediaDevices?.addEventListener("devicechange", changed);
    return () => navigator.mediaDevices?.removeEventListener("devicechange", changed);
  }, []);
  const join = (e?: Event) => {
    e?.preventDefault();
    if (busy || (named && name.trim() === "")) return;
    if (named) saveName(name.trim());
    onjoin(name.trim());
  };
  const withoutCamera = () => {
    camera.close();
    join();
  };
  const ready = !busy && (!named || name.trim() !== "");
  return (
    <main class="lobby">
      <Preview name={name} />
      <form class="card" onSubmit={join}>
        <h1>{title}</h1>
        {about && <p class="quiet">{about}</p>}
        {named && (
          <label>
            Your name
            <input
              id="name"
              name="name"
              value={name}
              onInput={(e) => setName(e.currentTarget.value)}
              maxLength={40}
              autocomplete="name"
              autofocus={name === ""}
              required
            />
          </label>
        )}
        <DeviceChoice device={camera} label="Camera" />
        <DeviceChoice device={microphone} label="Microphone" />
        <Problem device={camera} />
        <Problem device={microphone} />
        {problem && (
          <p class="problem" role="alert">
            {problem}
          </p>
        )}
        <div class="actions">
          <button type="submit" class="primary" disabled={!ready}>
            {busy ? "Joining…" : camera.track.value || camera.opening.value ? "Join" : "Join without camera"}
          </button>
          {camera.track.value && (
            <button type="button" class="secondary" disabled={!ready} onClick={withoutCamera}>
              Join without camera
            </button>
          )}
        </div>
      </form>
    </main>
  );
}

function Preview({ name }: { name: string }) {
  const picture = camera.track.value;
  return (
    <section class="preview" aria-label="Preview">
      <div class="tile">
        {picture ? <OwnVideo media={picture} /> : <p class="waiting">{previewText()}</p>}
        {name && (
          <div class="label">
            <span class="name">{name}</span>
          </div>
        )}
      </div>
      <div class="toggles">
        <Toggle device={microphone} />
        <Toggle device={camera} />
      </div>
    </section>
  );
}

function previewText(): string {
  if (camera.opening.value) return "Allow camera and microphone in the browser’s question.";
  return camera.problem.value ? "No camera" : "Your camera is off";
}

function Toggle({ device }: { device: Device }) {
  const on = device.track.value !== undefined;
  return (
    <button
      type="button"
      class={on ? "round" : "round off"}
      aria-label={`Turn ${device.kind} ${on ? "off" : "on"}`}
      title={`Turn ${device.kind} ${on ? "off" : "on"}`}
      aria-busy={device.opening.value}
      onClick={() => (on ? device.close() : void device.open().then(listDevices))}
    >
      <Icon name={on ? device.kind : `${device.kind}-off`} />
    </button>
  );
}

function DeviceChoice({ device, label }: { device: Device; label: string }) {
  const kind = device.kind === "camera" ? "videoinput" : "audioinput";
  const list = choices.value.filter((d) => d.kind === kind);
  if (!device.track.value || list.length < 2) return null;
  return (
    <label>
      {label}
      <select value={device.id.value} onChange={(e) => void device.choose(e.currentTarget.value)}>
        {list.map((d) => (
          <option key={d.deviceId} value={d.deviceId}>
            {d.label}
          </option>
        ))}
      </select>
    </label>
  );
}

function Problem({ device }: { device: Device }) {
  if (!device.problem.value) return null;
  return (
    <div class="hint" role="status">
      <p>{device.problem.value}</p>
      <button type="button" class="plain" onClick={() => void device.open().then(listDevices)}>
        Try again
      </button>
    </div>
  );
}
