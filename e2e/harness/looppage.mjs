// A page that calls itself: what the harness is tried against, so that a scenario that passes is known
// to have seen and heard something.

import { createServer } from "node:http";

const page = `<!doctype html><title>loop</title><button aria-label="Join now" onclick="start()">x</button>
<input type="text" id="name"><div id="tiles"></div><script>
window.switchyard = { room: { you: "", state: "joining", mediaState: "new" } };
async function start() {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 320, height: 180 } });
  const a = new RTCPeerConnection(), b = new RTCPeerConnection();
  a.onicecandidate = (e) => b.addIceCandidate(e.candidate);
  b.onicecandidate = (e) => a.addIceCandidate(e.candidate);
  b.ontrack = (e) => tile("peer", e.track);
  for (const t of stream.getTracks()) a.addTransceiver(t, { direction: "sendonly" });
  for (const t of a.getTransceivers()) {
    const kind = t.sender.track.kind;
    t.setCodecPreferences(RTCRtpReceiver.getCapabilities(kind).codecs);
  }
  await a.setLocalDescription(); await b.setRemoteDescription(a.localDescription);
  await b.setLocalDescription(); await a.setRemoteDescription(b.localDescription);
  // A picture that stands still, and one that is hidden: neither counts as seen.
  const canvas = document.createElement("canvas"); canvas.width = 320; canvas.height = 180;
  const g = canvas.getContext("2d");
  g.fillStyle = "red"; g.fillRect(0, 0, 160, 180);
  setInterval(() => { g.fillStyle = "white"; g.fillRect(300, 160, 1, 1); }, 50);
  tile("still", canvas.captureStream(20).getTracks()[0]);
  tile("hidden", stream.getVideoTracks()[0]).style.visibility = "hidden";
  window.switchyard.room = { you: document.querySelector("input").value, state: "connected", mediaState: "connected" };
}
function tile(who, track) {
  const div = document.createElement("div");
  Object.assign(div.dataset, { participant: who, track: track.id, kind: track.kind });
  const media = document.createElement(track.kind);
  media.autoplay = true; media.playsInline = true;
  media.srcObject = new MediaStream([track]);
  div.append(media); document.querySelector("#tiles").append(div);
  return div;
}
</script>`;

export class LoopPage {
  static start() {
    const p = new LoopPage();
    p.server = createServer((req, res) => {
      res.setHeader("content-type", req.url === "/favicon.ico" ? "image/x-icon" : "text/html");
      res.end(req.url === "/favicon.ico" ? "" : page);
    });
    return new Promise((resolve) => p.server.listen(0, "127.0.0.1", () => resolve(p)));
  }

  get url() {
    return `http://127.0.0.1:${this.server.address().port}/`;
  }

  close() {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }
}
