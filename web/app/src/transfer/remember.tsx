// After a transfer: the device at its other end becomes one that is found again without a link.
import { useState } from "preact/hooks";
import { isPaired, pairs, rememberPair, type Pair } from "./pairs";

/** `secret` is what both ends have in common; `id` is the transfer's. */
export function Remember({ id, name, secret }: { id: string; name: string; secret: string | undefined }) {
  const [pair, setPair] = useState<Pair>();
  if (!secret || isPaired(id)) return null;
  if (pair && pairs.value.some((p) => p.id === pair.id)) {
    return (
      <p class="small quiet" role="status">
        Remembered. Once they remember this device, too, each finds the other at “Send something”.
      </p>
    );
  }
  return (
    <button type="button" class="plain" onClick={() => void rememberPair({ secret, name: name || "A device" }).then(setPair)}>
      Remember this device
    </button>
  );
}
