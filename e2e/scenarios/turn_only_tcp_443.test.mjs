import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { run } from "../harness/process.mjs";
import { scenario } from "../harness/scenario.mjs";
import { echo, paths, relayOnly } from "../harness/turn.mjs";
import { eventually } from "../harness/wait.mjs";

// Browsers connect to port 443 of public addresses only, so these look like some.
const network = "198.51.100", host = `${network}.1`;

/** Lets the client through to TCP port 443 of others, and nowhere else. */
async function only443(wire) {
  const nft = (...words) => wire.client.run("nft", ...words);
  await nft("add", "table", "inet", "firewall");
  await nft("add", "chain", "inet", "firewall", "output", "{ type filter hook output priority 0 ; }");
  await nft("add", "rule", "inet", "firewall", "output", "oifname", "lo", "accept");
  await nft("add", "rule", "inet", "firewall", "output", "tcp", "dport", "443", "accept");
  await nft("add", "rule", "inet", "firewall", "output", "counter", "drop");
}

/** A certificate for the server's address by an authority of its own. */
async function certificate(stage) {
  const dir = mkdtempSync(path.join(tmpdir(), "switchyard-cert-"));
  stage.keep({ close: async () => rmSync(dir, { recursive: true, force: true }) });
  const at = (name) => path.join(dir, name);
  const openssl = (...args) => run("openssl", args, { log: "openssl" });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  await openssl("req", "-x509", ...key, "-keyout", at("ca.key"), "-out", at("ca.pem"), "-subj", "/CN=Test authority", "-days", "30");
  await openssl("req", "-x509", ...key, "-keyout", at("key.pem"), "-out", at("cert.pem"), "-subj", "/CN=server", "-days", "30",
    "-addext", `subjectAltName=IP:${host}`, "-addext", "basicConstraints=critical,CA:FALSE", "-CA", at("ca.pem"), "-CAkey", at("ca.key"));
  return ["--cert", at("cert.pem"), "--key", at("key.pem")];
}

scenario("only TCP 443 is open: media by TCP, links between participants by TURN over TCP", async (stage) => {
  const wire = await stage.wire({ network });
  await only443(wire);
  const server = await stage.server({ host, namespace: wire.server, args: ["--media", `${host}:443`] });
  const chromium = await stage.chromium({ namespace: wire.client, args: ["--ignore-certificate-errors"] });
  const link = await server.invite({ base: `https://${host}` });
  const anna = await chromium.person("anna");
  const bert = await chromium.person("bert");
  // Both pages are on one machine, where a direct way is always open: they shall use relays between them.
  for (const p of [anna, bert]) await relayOnly(p, { which: "participants" });
  await anna.join(link);
  await bert.join(link);
  await bert.seesOthers(1);
  await bert.hears(1);
  assert.equal(await echo(anna, bert), 200_000);
  const [direct, between] = await paths(anna);
  assert.equal(direct.pair?.local.protocol, "tcp", JSON.stringify(direct));
  assert.equal(between.pair?.local.relayProtocol, "tcp", JSON.stringify(between));
  assert.equal(between.pair?.remote.candidateType, "relay", JSON.stringify(between));
  assert.ok(await wire.blocked() > 0, "UDP was tried and dropped");
});

scenario("only TLS gets through: media by TURN over TLS", async (stage) => {
  const wire = await stage.wire({ network });
  await only443(wire);
  const server = await stage.server({
    host, namespace: wire.server, args: ["--media", `${host}:443`, ...(await certificate(stage))],
  });
  const chromium = await stage.chromium({ namespace: wire.client, args: ["--ignore-certificate-errors"] });
  const link = await server.invite({ base: `https://${host}` });
  const anna = await chromium.person("anna");
  const bert = await chromium.person("bert");
  for (const p of [anna, bert]) await relayOnly(p, { servers: "^turns:" });
  await anna.join(link);
  await bert.join(link);
  await bert.seesOthers(1);
  await anna.seesOthers(1);
  await bert.hears(1);
  assert.equal(await echo(anna, bert), 200_000);
  for (const p of [anna, bert]) {
    for (const l of await paths(p)) assert.equal(l.pair?.local.relayProtocol, "tls", JSON.stringify(l));
  }
  const metrics = await server.namespace.run("curl", "-sf", `http://${host}:${server.http}/metrics`).catch(() => "");
  if (metrics) assert.match(metrics, /switchyard_turn_bytes_total\{direction="to-peer"\} [1-9]/);
});
