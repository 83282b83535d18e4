import assert from "node:assert/strict";
import { scenario } from "../harness/scenario.mjs";

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
    const { pairs } = await p.stats();
    assert.ok(pairs.length > 0 && pairs.every((c) => c.local === "tcp"), `${p.name} uses ${JSON.stringify(pairs)}`);
  }
  assert.ok(await wire.blocked() > 0, "UDP was tried and dropped");
});
