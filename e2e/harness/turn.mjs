// What scenarios of STUN and TURN share: pages whose links are restricted, and what a link really uses.

import { patience } from "./wait.mjs";

/** Has a person's links use relays only; `servers` keeps the ICE servers whose address matches. */
export function relayOnly(person, { which = "all", servers = "" } = {}) {
  return person.page.addInitScript(([which, servers]) => {
    const Probed = window.RTCPeerConnection;
    const restrict = (config) => {
      const list = config?.iceServers ?? [];
      const participants = list.some((s) => [s.urls].flat().some((u) => u.startsWith("stun:")));
      if (which === "participants" && !participants) return config;
      const kept = list.map((s) => ({ ...s, urls: [s.urls].flat().filter((u) => new RegExp(servers).test(u)) })).filter((s) => s.urls.length > 0);
      return { ...config, iceServers: kept, iceTransportPolicy: "relay" };
    };
    window.RTCPeerConnection = class extends Probed {
      constructor(config) {
        super(restrict(config));
      }
      setConfiguration(config) {
        super.setConfiguration(restrict(config));
      }
    };
  }, [which, servers]);
}

/** Each live link of a page: the addresses of its ICE servers, its local candidates, the pair in use. */
export function paths(person) {
  return person.page.evaluate(async () => {
    const all = [];
    for (const link of window.probe.links) {
      if (link.connectionState === "closed") continue;
      const report = await link.getStats();
      const found = [...report.values()];
      const transport = found.find((s) => s.type === "transport");
      const pair = report.get(transport?.selectedCandidatePairId);
      const candidate = (id) => {
        const { candidateType, protocol, relayProtocol, address, port } = report.get(id) ?? {};
        return { candidateType, protocol, relayProtocol, address, port };
      };
      all.push({
        state: link.connectionState,
        signaling: link.signalingState,
        urls: (link.getConfiguration().iceServers ?? []).flatMap((s) => s.urls),
        local: found.filter((s) => s.type === "local-candidate").map((s) => candidate(s.id)),
        pair: pair && { local: candidate(pair.localCandidateId), remote: candidate(pair.remoteCandidateId), received: pair.bytesReceived },
      });
    }
    return all;
  });
}

/** Sends bytes over a new link to another participant, who sends them back, and returns how many came. */
export async function echo(from, to, size = 200_000) {
  await to.page.evaluate(() => {
    window.switchyard.room.on("link", (link) => link.on("channel", (channel) => {
      channel.onmessage = ({ data }) => channel.send(data);
    }));
  });
  return from.page.evaluate(async ([peer, size, patience]) => {
    const link = window.switchyard.room.openLink(peer, "echo");
    const channel = link.open("echo");
    channel.binaryType = "arraybuffer";
    return new Promise((resolve, reject) => {
      let got = 0;
      link.on("closed", () => reject(new Error("the link closed")));
      channel.onmessage = ({ data }) => (got += data.byteLength) >= size && resolve(got);
      channel.onopen = () => {
        for (let at = 0; at < size; at += 10_000) channel.send(new Uint8Array(10_000));
      };
      setTimeout(() => reject(new Error(`${got} of ${size} bytes came back`)), patience);
    });
  }, [await to.me(), size, patience]);
}
