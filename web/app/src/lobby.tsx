// Before the call: a look at yourself, your name, your devices, and one button.
import { useEffect, useRef, useState } from "preact/hooks";
import { SwitchyardError } from "../../sdk/src/index";
import { isInsecure } from "./browser";
import { camera, listDevices, microphone, openDevices, type Device } from "./devices";
import { DeviceChoices } from "./devicechoice";
import { Frame } from "./frame";
import { Icon } from "./icons";
import { InsecureHint } from "./insecure";
import { loadName, saveName } from "./memory";
import { initials } from "./tiles";
import { OwnVideo } from "./video";
import { deviceWords } from "./words";

interface Props {
  room: string;
  about?: string;
  /** Asks for a name: where the token is still to be made. */
  named: boolean;
  /** One may send there: viewers need no camera. */
  sends: boolean;
  busy: boolean;
  problem?: string;
  onjoin(name: string): void;
}

export function Lobby({ room, about, named, sends, busy, problem, onjoin }: Props) {
  const [name, setName] = useState(loadName());
  useEffect(() => {
    if (sends && !isInsecure()) void openDevices({ camera: true, microphone: true });
    else void listDevices();
    const changed = () => void listDevices();
    navigator.mediaDevices?.addEventListener("devicechange", changed);
    return () => navigator.mediaDevices?.removeEventListener("devicechange", changed);
  }, []);
  const ready = !busy && (!named || name.trim() !== "");
  const join = () => {
    if (!ready) return;
    if (named) saveName(name.trim());
    onjoin(name.trim());
  };
  const withoutCamera = () => {
    camera.close();
    join();
  };
  return (
    <Frame title={room}>
      <main class={sends ? "lobby" : "lobby watching"}>
        {sends && <Preview name={name} />}
        <form
          class="entrance"
          onSubmit={(e) => {
            e.preventDefault();
            join();
          }}
        >
          <div class="heading">
            <h1>Join {room}</h1>
            {about && <p class="quiet">{about}</p>}
          </div>
          {named && <NameField name={name} onname={setName} />}
          {sends && <Problems />}
          {problem && (
            <p class="problem" role="alert">
              {problem}
            </p>
          )}
          <div class="actions">
            <button type="submit" class="primary" disabled={!ready}>
              {busy ? "Joining…" : joinWords(sends)}
            </button>
            {camera.track.value && (
              <button type="button" class="secondary" disabled={!ready} onClick={withoutCamera}>
                Join without camera
              </button>
            )}
          </div>
        </form>
        <DeviceChoices sends={sends} />
      </main>
    </Frame>
  );
}

function joinWords(sends: boolean): string {
  const sees = camera.track.value || camera.opening.value;
  const hears = microphone.track.value || microphone.opening.value;
  if (!sends || (sees && hears)) return "Join";
  if (sees) return "Join without microphone";
  return hears ? "Join without camera" : "Join to watch and listen";
}

function NameField({ name, onname }: { name: string; onname(name: string): void }) {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (name === "") field.current?.focus();
  }, []);
  return (
    <label>
      Your name
      <input
        ref={field}
        id="name"
        name="name"
        value={name}
        onInput={(e) => onname(e.currentTarget.value)}
        maxLength={40}
        autocomplete="name"
        placeholder="How the others will see you"
        required
      />
    </label>
  );
}

function Preview({ name }: { name: string }) {
  const picture = camera.track.value;
  return (
    <section class="preview" aria-label="Preview">
      <div class="picture">
        {picture ? <OwnVideo media={picture} /> : <Blank name={name} />}
        {name && picture && <p class="name">{name}</p>}
        <div class="toggles">
          <Toggle device={microphone} />
          <Toggle device={camera} />
        </div>
      </div>
    </section>
  );
}

function Blank({ name }: { name: string }) {
  const asking = camera.opening.value || microphone.opening.value;
  return (
    <div class="blank">
      {name.trim() !== "" && !asking && (
        <div class="face" aria-hidden="true">
          {initials(name)}
        </div>
      )}
      <p>{asking ? "Allow camera and microphone in the browser’s question." : camera.problem.value || isInsecure() ? "No camera" : "Your camera is off"}</p>
    </div>
  );
}

function Toggle({ device }: { device: Device }) {
  const on = device.track.value !== undefined;
  const label = `Turn ${device.kind} ${on ? "off" : "on"}`;
  return (
    <button
      type="button"
      class={on ? "round" : "round off"}
      aria-label={label}
      title={label}
      aria-busy={device.opening.value}
      disabled={isInsecure()}
      onClick={() => (on ? device.close() : void device.open().then(listDevices))}
    >
      <Icon name={on ? device.kind : `${device.kind}-off`} />
    </button>
  );
}

const denied = new SwitchyardError("denied", "");

/** What does not work, and how it would. One hint where camera and microphone have the same fault. */
function Problems() {
  if (isInsecure()) return <InsecureHint />;
  const broken = [microphone, camera].filter((d) => d.problem.value !== "");
  const bothDenied = broken.length === 2 && broken.every((d) => d.problem.value === deviceWords(denied, d.kind));
  if (bothDenied) return <Hint text={deviceWords(denied, "camera and microphone")} devices={broken} />;
  return (
    <>
      {broken.map((d) => (
        <Hint key={d.kind} text={d.problem.value} devices={[d]} />
      ))}
    </>
  );
}

function Hint({ text, devices }: { text: string; devices: Device[] }) {
  const retry = async () => {
    await Promise.all(devices.map((d) => d.open()));
    await listDevices();
  };
  return (
    <div class="hint" role="status">
      <p>{text}</p>
      <button type="button" class="plain" onClick={() => void retry()}>
        Try again
      </button>
    </div>
  );
}
