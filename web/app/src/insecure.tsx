// A page that came by plain HTTP: nothing that is clicked on it helps, the same page by HTTPS does.
import { useEffect, useState } from "preact/hooks";
import { readServer } from "./api";

/** `what` is what the page lacks. */
export function InsecureHint({ what = "camera and microphone" }: { what?: string }) {
  const [https, setHTTPS] = useState("");
  useEffect(() => void readServer().then((s) => setHTTPS(s.https), () => {}), []);
  const there = https && https + location.pathname + location.hash;
  return (
    <div class="hint tall" role="status">
      <p>
        Browsers give {what} only to pages that come by HTTPS.{" "}
        {there ? "Open this one there (the browser may ask once whether you trust it):" : "Ask whoever runs this server for its https:// address."}
      </p>
      {there && <a href={there}>{there}</a>}
    </div>
  );
}
