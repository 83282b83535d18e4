// The devices nearby, to send to with one click; and the question when one of them wants to send.
import { Dialog } from "../dialog";
import { go } from "../route";
import { sizeWords } from "./amounts";
import { agree, type Device, type Nearby } from "./nearby";
import type { SendModel } from "./sendmodel";

export function NearbyDevices({ nearby, model }: { nearby: Nearby; model: SendModel }) {
  const on = nearby.state.value === "on";
  return (
    <section class="nearby" aria-labelledby="nearby-title">
      <div class="nearby-head">
        <h2 id="nearby-title">Devices nearby</h2>
        <button type="button" class="plain" disabled={nearby.state.value === "looking"} onClick={() => (on ? nearby.hide() : void nearby.show())}>
          {on ? "Hide me" : nearby.state.value === "looking" ? "Looking…" : "Look for them"}
        </button>
      </div>
      <p class="small quiet" role="status">
        {nearby.hint.value || about(nearby, model)}
      </p>
      {nearby.devices.value.length > 0 && (
        <ul class="file-list">
          {nearby.devices.value.map((d) => (
            <DeviceRow key={d.id} device={d} nearby={nearby} model={model} />
          ))}
        </ul>
      )}
    </section>
  );
}

function about(nearby: Nearby, model: SendModel): string {
  if (nearby.state.value !== "on") return "Send to a device in the same network without a link: open this page there, too, and look for it on both.";
  if (nearby.devices.value.length === 0) return `You are seen as “${nearby.name}”. Nobody else is looking here yet: open this page on the other device.`;
  const ready = model.transfer.value !== undefined || model.ready.value;
  return ready ? `You are seen as “${nearby.name}”.` : `You are seen as “${nearby.name}”. Choose what to send first.`;
}

function DeviceRow({ device, nearby, model }: { device: Device; nearby: Nearby; model: SendModel }) {
  const last = nearby.asked.value.get(device.id);
  const asked = last?.link === model.offer()?.id ? last : undefined; // what was asked for a link before says nothing of this one
  const send = async () => {
    if (!model.transfer.value) await model.start();
    const offer = model.offer();
    if (offer) await nearby.offer(device, offer);
  };
  return (
    <li>
      <span class="file-name">{device.name}</span>
      <span class="small quiet" role="status">
        {!asked ? kinds[device.kind] : asked.declined ? "They do not want it." : "They are asked…"}
      </span>
      {(model.ready.value || model.open.value) && asked === undefined && (
        <button type="button" class="plain" aria-label={`Send to ${device.name}`} disabled={model.making.value} onClick={() => void send()}>
          Send
        </button>
      )}
    </li>
  );
}

const kinds = { phone: "Phone", tablet: "Tablet", computer: "Computer" };

/** Somebody nearby wants to send. */
export function NearbyQuestion({ nearby }: { nearby: Nearby }) {
  const wanted = nearby.wanted.value;
  if (!wanted) return null;
  const take = () => {
    agree(wanted.id);
    go(`/t/${wanted.id}#${wanted.key}`);
  };
  return (
    <Dialog title={`${wanted.from.name} wants to send you something`} onclose={() => void nearby.decline()}>
      <p>
        <b>{wanted.name}</b>, {sizeWords(wanted.bytes)}
      </p>
      <div class="row">
        <button type="button" class="primary" onClick={take}>
          Receive
        </button>
        <button type="button" class="secondary" onClick={() => void nearby.decline()}>
          No, thanks
        </button>
      </div>
    </Dialog>
  );
}
