import assert from "node:assert/strict";
import { scenario } from "../harness/scenario.mjs";
import { echo, paths, relayOnly } from "../harness/turn.mjs";
import { eventually } from "../harness/wait.mjs";

// Chromium swallows what comes from the address of its STUN or TURN/UDP server. So the link to the server,
// whose media port is all of them, is told of TURN over TCP only, and links between participants of all.
scenario("with STUN and TURN configured the link to the server stays direct", async (stage) => {
  const wire = await stage.wire();
  const server = await stage.server({ host: "10.77.0.1", namespace: wire.server });
  const chromium = await stage.chromium({ namespace: wire.client, origin: server.url });
  const link = await server.invite();
  const anna = await chromium.person("anna");
  await anna.join(link);
  const media = `10.77.0.1:${server.media}`;
  const [first] = await paths(anna);
  assert.deepEqual(first.urls, [`turn:${media}?transport=tcp`]);

  // Bert's page has all candidates, the relay's among them, before it tries any.
  const bert = await chromium.person("bert");
  await bert.page.addInitScript(() => {
    const Probed = window.RTCPeerConnection;
    window.RTCPeerConnection = class extends Probed {
      async setRemoteDescription(description) {
        if (description.type === "answer" && window.probe.links[0] === this) { // before all is gathered nothing connects
          while (this.iceGatheringState !== "complete") await new Promise((r) => setTimeout(r, 20));
        }
        return super.setRemoteDescription(description);
      }
    };
  });
  await bert.join(link);
  await bert.seesOthers(1);
  await anna.seesOthers(1);
  await eventually("bert's link to the server has a relay and does not use it", async () => {
    const [direct] = await paths(bert);
    assert.equal(direct.pair?.local.candidateType, "host", JSON.stringify(direct));
    assert.equal(direct.pair.local.protocol, "udp");
    assert.ok(direct.local.some((c) => c.relayProtocol === "tcp"), JSON.stringify(direct.local));
    return true;
  });

  assert.equal(await echo(anna, bert), 200_000);
  await eventually("their own link becomes a direct one, whichever way was there first", async () => {
    const [, between] = await paths(anna);
    assert.deepEqual(between.urls, [`stun:${media}`, `turn:${media}?transport=udp`, `turn:${media}?transport=tcp`]);
    assert.equal(between.pair?.local.candidateType, "host", JSON.stringify(between));
    return true;
  });

  // Who can only be reached by a relay, over UDP from the port that carries the media of the other link.
  const cleo = await chromium.person("cleo");
  await relayOnly(cleo, { which: "participants", servers: "transport=udp" });
  await cleo.join(link);
  await cleo.seesOthers(2);
  assert.equal(await echo(cleo, anna), 200_000);
  const [direct, relayed] = await paths(cleo);
  assert.equal(direct.pair?.local.candidateType, "host", JSON.stringify(direct));
  assert.equal(direct.pair.local.protocol, "udp");
  assert.equal(relayed.pair?.local.relayProtocol, "udp", JSON.stringify(relayed));
});
