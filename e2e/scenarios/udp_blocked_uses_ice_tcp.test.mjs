import assert from "node:assert/strict";
import { scenario } from "../harness/scenario.mjs";
import { paths } from "../harness/turn.mjs";
import { eventually } from "../harness/wait.mjs";

scenario("UDP is blocked: media goes over TCP", async (stage) => {
  const wire = await stage.wire();
  await wire.blockUDP();
  const server = await stage.server({ host: "10.77.0.1", namespace: wire.server });
  const chromium = await stage.chromium({ namespace: wire.client, origin: server.url });
  const link = await server.invite();
  const anna = await chromium.person("anna");
  const bert = await chromium.person("bert");
  await anna.join(link);
  await bert.join(link);
  await bert.seesOthers(1);
  await anna.seesOthers(1);
  await bert.hears(1);
  for (const p of [anna, bert]) {
    // A relay may be there first; it gives way.
    await eventually(`${p.name}'s media goes over ICE-TCP, both ways`, async () => {
      const [{ pair: before }] = await paths(p);
      await new Promise((resolve) => setTimeout(resolve, 300));
      const [{ pair }] = await paths(p);
      assert.equal(pair?.local.protocol, "tcp", JSON.stringify(pair));
      assert.ok(pair.received > before.received, JSON.stringify(pair));
      return true;
    });
  }
  assert.ok(await wire.blocked() > 0, "UDP was tried and dropped");
});
