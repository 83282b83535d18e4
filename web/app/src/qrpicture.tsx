// A QR code to be scanned from the screen.
import { useMemo } from "preact/hooks";
import { encodeQR, qrPath } from "./qr";

const quietZone = 4; // modules: readers need it

export function QRPicture({ text }: { text: string }) {
  const code = useMemo(() => (text ? encodeQR(text) : undefined), [text]);
  const side = (code?.size ?? 33) + 2 * quietZone;
  const box = `${-quietZone} ${-quietZone} ${side} ${side}`;
  return (
    <svg viewBox={box} role="img" aria-label={code ? "QR code of the link" : "No QR code yet"} shape-rendering="crispEdges">
      {code && <path d={qrPath(code)} fill="#000" />}
    </svg>
  );
}
