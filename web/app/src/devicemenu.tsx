// Which camera, microphone and speaker: changed during the call, without a drop.
import type { Call } from "./call";
import { camera, choices, chosenOf, microphone, speaker, type Device } from "./devices";
import { Icon } from "./icons";
import { Menu, type MenuItem } from "./menu";
import { chooseSpeaker } from "./speaker";

export function MicrophoneMenu({ call }: { call: Call }) {
  const groups = [
    { heading: "Microphone", items: deviceItems(call, microphone, "audioinput") },
    { heading: "Speaker", items: speakerItems(call) },
  ];
  return <Caret label="Choose microphone and speaker" groups={groups} />;
}

export function CameraMenu({ call }: { call: Call }) {
  const groups = [
    { heading: "Camera", items: deviceItems(call, camera, "videoinput") },
    { heading: "More cameras", items: moreCameras(call) },
  ];
  return <Caret label="Choose camera" groups={groups} />;
}

function Caret({ label, groups }: { label: string; groups: { heading: string; items: MenuItem[] }[] }) {
  const filled = groups.filter((g) => g.items.length > 0);
  if (filled.length === 0) return null;
  return (
    <Menu class="caret wide-only" label={label} groups={filled}>
      <Icon name="up" size={16} />
    </Menu>
  );
}

export function deviceItems(call: Call, device: Device, kind: MediaDeviceKind): MenuItem[] {
  const list = choices.value.filter((d) => d.kind === kind);
  const now = device.id.value;
  return list.map((d) => ({ label: d.label, checked: d.deviceId === now, run: () => void call.choose(device, d.deviceId) }));
}

export function speakerItems(call: Call): MenuItem[] {
  const list = speaker.canChoose ? choices.value.filter((d) => d.kind === "audiooutput") : [];
  const now = chosenOf(list, speaker.id.value);
  return list.map((d) => ({ label: d.label, checked: d.deviceId === now, run: () => void chooseSpeaker(call, d.deviceId) }));
}

/** Cameras that are not shown yet can be shown beside; those that are can be taken away. */
export function moreCameras(call: Call): MenuItem[] {
  const shared = call.sending.shares.value.filter((s) => s.kind === "camera");
  const used = new Set([camera.on ? camera.id.value : "", ...shared.map((s) => s.tracks[0]?.media.getSettings().deviceId)]);
  const free = choices.value.filter((d) => d.kind === "videoinput" && !used.has(d.deviceId));
  const add = free.map((d): MenuItem => ({ label: `Add ${d.label}`, icon: "plus", run: () => void call.sending.addCamera(d.deviceId) }));
  const stop = shared.map((s): MenuItem => ({ label: `Stop ${s.label}`, icon: "close", run: () => void call.sending.remove(s) }));
  return camera.on || shared.length > 0 ? [...add, ...stop] : [];
}
