// The devices that one can send to with one click: paired ones, and those of this network; and the question when one of them
// wants to send.
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Dialog } from "../dialog";
import { go } from "../route";
import { sizeWords } from "./amounts";
import { agree, type Device, type Nearby } from "./nearby";
import { ManagePair } from "./pairmanage";
import { PairDialog, takePairCode } from "./pairdialog";
import { pairs, type Pair } from "./pairs";
import type { SendModel } from "./sendmodel";

export function NearbyDevices({ nearby, model }: { nearby: Nearby; model: SendModel }) {
  const [code, setCode] = useState<string | undefined>(takePairCode);
  useEffect(() => nearby.watch(), [nearby]);
  useEffect(() => {
    const follow = () => setCode((now) => takePairCode() ?? now); // scanned while the page is open
    window.addEventListener("hashchange", follow);
    return () => window.removeEventListener("hashchange", follow);
  }, []);
  return (
    <section class="nearby" aria-labelledby="pairs-title">
      <div class="nearby-head">
        <h2 id="pairs-title">Your devices</h2>
        <button type="button" class="plain" onClick={() => setCode("")}>
          Pair a device
        </button>
      </div>
      <Pairs nearby={nearby} model={model} />
      <Network nearby={nearby} model={model} />
      {code !== undefined && <PairDialog code={code} token={nearby.token} onclose={() => setCode(undefined)} />}
    </section>
  );
}

function Pairs({ nearby, model }: { nearby: Nearby; model: SendModel }) {
  const [managed, setManaged] = useState<Pair>();
  const present = nearby.present.value;
  const list = [...pairs.value].sort((a, b) => Number(present.has(b.id)) - Number(present.has(a.id)) || a.name.localeCompare(b.name));
  if (list.length === 0) return <p class="small quiet">Pair your phone and your computer once, and they find each other here wherever they are.</p>;
  return (
    <>
      <ul class="file-list pairs">
        {list.map((p) => {
          const kind = present.get(p.id);
          return (
            <DeviceRow key={p.id} device={{ id: p.id, name: p.name, kind: kind ?? "computer" }} here={kind !== undefined} pair nearby={nearby} model={model}>
              <button type="button" class="plain" aria-label={`Change ${p.name}`} onClick={() => setManaged(p)}>
                Change
              </button>
            </DeviceRow>
          );
        })}
      </ul>
      {nearby.lost.value && (
        <p class="small quiet" role="status">
          The server does not answer, so it is not known who is there. It is tried again.
        </p>
      )}
      {managed && <ManagePair pair={managed} onclose={() => setManaged(undefined)} />}
    </>
  );
}

function Network({ nearby, model }: { nearby: Nearby; model: SendModel }) {
  const on = nearby.state.value === "on";
  return (
    <>
      <div class="nearby-head">
        <h2>Devices nearby</h2>
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
            <DeviceRow key={d.id} device={d} here nearby={nearby} model={model} />
          ))}
        </ul>
      )}
    </>
  );
}

function about(nearby: Nearby, model: SendModel): string {
  if (nearby.state.value !== "on") return "Send to a device in the same network without a link: open this page there, too, and look for it on both.";
  if (nearby.devices.value.length === 0) return `You are seen as “${nearby.name}”. Nobody else is looking here yet: open this page on the other device.`;
  const ready = model.transfer.value !== undefined || model.ready.value;
  return ready ? `You are seen as “${nearby.name}”.` : `You are seen as “${nearby.name}”. Choose what to send first.`;
}

interface RowProps {
  device: Device;
  here: boolean;
  pair?: boolean;
  nearby: Nearby;
  model: SendModel;
  children?: ComponentChildren;
}

function DeviceRow({ device, here, pair = false, nearby, model, children }: RowProps) {
  const last = nearby.asked.value.get(device.id);
  const asked = last?.link === model.offer()?.id ? last : undefined; // what was asked for a link before says nothing of this one
  const send = async () => {
    if (!model.transfer.value) await model.start();
    const offer = model.offer();
    if (offer) await nearby.offer(device, offer);
  };
  const words = !here ? "Not there now" : !asked ? (pair ? `There now · ${kinds[device.kind]}` : kinds[device.kind]) : asked.declined ? "They do not want it." : "They are asked…";
  return (
    <li data-here={here}>
      <span class="file-name">{device.name}</span>
      <span class="small quiet" role="status">
        {words}
      </span>
      {here && (model.ready.value || model.open.value) && asked === undefined && (
        <button type="button" class="plain" aria-label={`Send to ${device.name}`} disabled={model.making.value} onClick={() => void send()}>
          Send
        </button>
      )}
      {children}
    </li>
  );
}

const kinds = { phone: "Phone", tablet: "Tablet", computer: "Computer" };

/** A device wants to send. */
export function NearbyQuestion({ nearby }: { nearby: Nearby }) {
  const [wanted] = nearby.wanted.value;
  if (!wanted) return null;
  const take = () => {
    nearby.settle(wanted);
    agree(wanted.id);
    go(`/t/${wanted.id}#${wanted.key}`);
  };
  return (
    <Dialog key={wanted.id} title={`${wanted.from.name} wants to send you something`} onclose={() => void nearby.decline(wanted)}>
      <p>
        <b>{wanted.name}</b>, {sizeWords(wanted.bytes)}
      </p>
      <div class="row">
        <button type="button" class="primary" onClick={take}>
          Receive
        </button>
        <button type="button" class="secondary" onClick={() => void nearby.decline(wanted)}>
          No, thanks
        </button>
      </div>
    </Dialog>
  );
}
