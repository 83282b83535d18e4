import assert from "node:assert/strict";
import { everyLook } from "../harness/axe.mjs";
import { binary, Process } from "../harness/process.mjs";
import { scenario } from "../harness/scenario.mjs";
import { eventually } from "../harness/wait.mjs";

/** Runs the verb in a namespace; its report, exit code and what it told. */
async function doctor(namespace, url) {
  const [command, args] = namespace.wrap(binary, ["doctor", url, "--json", "--data", "/nonexistent"]);
  const p = new Process(command, args, { log: "doctor" });
  const { code } = await p.exited;
  const report = JSON.parse(p.text.stdout);
  const by = Object.fromEntries(report.findings.map((f) => [f.id, f]));
  return { code, by, stderr: p.text.stderr };
}

scenario("the doctor says in words that UDP is blocked, and fails where everything is", async (stage) => {
  const wire = await stage.wire();
  const server = await stage.server({ host: "10.77.0.1", namespace: wire.server });

  let { code, by, stderr } = await doctor(wire.client, server.url);
  assert.equal(by.media.state, "ok", JSON.stringify(by.media));
  assert.equal(by["udp-ipv4"].state, "ok");
  assert.match(by["mtu-ipv4"].text, /1500 bytes/);
  assert.match(by["nat-ipv4"].text, /no NAT/);
  assert.equal(by.certificate.state, "warn"); // plain HTTP, and not of this machine
  assert.equal(by.server.state, "skip"); // no token
  assert.equal(code, 0);
  assert.equal(stderr, "", "silent where nobody watches");

  await wire.blockUDP();
  ({ code, by } = await doctor(wire.client, server.url));
  assert.equal(by["udp-ipv4"].state, "warn", JSON.stringify(by["udp-ipv4"]));
  assert.match(by["udp-ipv4"].fix, new RegExp(`Allow UDP to 10\\.77\\.0\\.1, port ${server.media}`));
  assert.equal(by["tcp-ipv4"].state, "ok");
  assert.equal(by.media.state, "warn");
  assert.match(by.media.text, /UDP is blocked: calls work from here only by TCP/);
  assert.equal(code, 0);
  assert.ok(await wire.blocked() > 0, "UDP was tried and dropped");

  await wire.client.run("nft", "add", "rule", "inet", "firewall", "output", "tcp", "dport", String(server.media), "drop");
  ({ code, by, stderr } = await doctor(wire.client, server.url));
  assert.equal(by.media.state, "fail");
  assert.match(by.media.text, /calls will not work from here/);
  assert.match(by.media.fix, new RegExp(`Open port ${server.media}`));
  assert.equal(code, 1);
  assert.match(stderr, /checks failed/);
});

scenario("the page says that UDP is blocked", async (stage) => {
  const wire = await stage.wire();
  await wire.blockUDP();
  const server = await stage.server({ host: "10.77.0.1", namespace: wire.server });
  const chromium = await stage.chromium({ namespace: wire.client, origin: server.url });
  const anna = await chromium.person("anna");
  await anna.page.goto(`${server.url}/doctor`);
  await finished(anna);
  assert.equal(await stateOf(anna, "udp-ipv4"), "warn");
  assert.equal(await stateOf(anna, "tcp-ipv4"), "ok");
  assert.equal(await stateOf(anna, "media"), "warn");
  assert.match(await anna.page.innerText(".verdict"), /UDP is blocked/);
});

scenario("the page looks at everything, and the report can be copied", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const anna = await chromium.person("anna");
  await anna.page.context().grantPermissions(["camera", "microphone", "clipboard-read", "clipboard-write"]);
  await anna.page.goto(`${server.url}/doctor`);
  await finished(anna);
  for (const id of ["secure", "browser", "codecs", "http", "clock", "websocket", "udp-ipv4", "tcp-ipv4", "turn-tcp", "media"]) {
    assert.equal(await stateOf(anna, id), "ok", id);
  }
  for (const id of ["echo", "link-speed", "http-speed"]) { // a busy machine may be slow
    assert.ok(["ok", "warn"].includes(await stateOf(anna, id)), id);
  }
  assert.equal(await stateOf(anna, "udp-ipv6"), "skip");
  await anna.click("Copy report");
  const report = await eventually("the report is in the clipboard", () => anna.page.evaluate(() => navigator.clipboard.readText()));
  assert.match(report, /\[ok\] Calls from here: Calls work from here/);

  assert.equal(await anna.page.locator("[data-finding=camera]").count(), 0, "nobody was asked for a camera yet");
  await anna.click("Test them");
  await eventually("the camera works", async () => (await stateOf(anna, "camera")) === "ok" && (await stateOf(anna, "microphone")) === "ok");
  await eventually("its picture is shown", () => anna.page.evaluate(() => (document.querySelector(".device-picture")?.videoWidth ?? 0) > 0));
  await eventually("the beeps of the fake microphone are heard", () => anna.page.evaluate(() => /hears you/.test(document.body.innerText)));
  await anna.click("Switch them off");
  await everyLook(anna, "doctor");
});

const finished = (person) => eventually("the check has ended", () => person.page.evaluate(() => document.querySelector('.verdict[aria-busy="false"] .verdict-title') && document.querySelector("[data-finding=http-speed]") !== null));

const stateOf = (person, id) => person.page.evaluate((id) => document.querySelector(`[data-finding="${id}"]`)?.dataset.state, id);

