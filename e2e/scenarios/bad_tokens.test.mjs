import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { scenario } from "../harness/scenario.mjs";
import { eventually } from "../harness/wait.mjs";

/** Joins by hand, as any client of the protocol could: what came first, "welcome" or a refusal. */
function knock(person, room, token) {
  return person.page.evaluate(([room, token]) => new Promise((resolve) => {
    const url = `${location.origin.replace("http", "ws")}/v1/rooms/${room}?token=${encodeURIComponent(token)}`;
    const socket = new WebSocket(url, "switchyard.v1");
    const end = (what) => {
      socket.close();
      resolve(what);
    };
    socket.onopen = () => socket.send(JSON.stringify({ type: "join", id: 1, seq: 1, body: { capabilities: {} } }));
    socket.onmessage = (e) => {
      const message = JSON.parse(e.data);
      if (message.type === "welcome") end("welcome");
      if (message.type === "error") end(message.body.code);
    };
    socket.onerror = () => end("refused");
    socket.onclose = (e) => end(`closed ${e.code} without a word`);
    setTimeout(end, 60_000, "silence");
  }), [room, token]);
}

const segment = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

scenario("bad tokens open nothing", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const eve = await chromium.person("eve");
  eve.expectErrors(/WebSocket connection|401|403/);
  await eve.page.goto(server.url);
  const good = await server.token({ identity: "eve" });
  assert.equal(good.split(".").length, 3, "stdout is the token alone");
  assert.equal(await knock(eve, "test", good), "welcome", "the good token opens its room");

  const [header, claims, signature] = good.split(".");
  const forged = JSON.parse(Buffer.from(claims, "base64url"));
  const bad = {
    absent: "",
    garbage: "hello",
    truncated: good.slice(0, -4),
    "with another signature": `${header}.${claims}.${Buffer.alloc(32).toString("base64url")}`,
    "with changed claims": `${header}.${segment({ ...forged, sub: "root" })}.${signature}`,
    unsigned: `${segment({ alg: "none", typ: "JWT" })}.${claims}.`,
    "signed with another key": `${header}.${claims}.${createHmac("sha256", "guess").update(`${header}.${claims}`).digest("base64url")}`,
    long: "x".repeat(20_000),
  };
  for (const [what, token] of Object.entries(bad)) {
    const got = await knock(eve, "test", token);
    assert.ok(["unauthorized", "refused"].includes(got), `a token that is ${what}: ${got}`);
  }

  assert.match(await knock(eve, "elsewhere", good), /unauthorized|refused/, "a token for another room");
  const brief = await server.token({ identity: "late", more: ["--ttl", "1s"] });
  const came = await eventually("the token expires", async () => {
    const got = await knock(eve, "test", brief);
    return got !== "welcome" && got;
  }, { every: 1000 });
  assert.match(came, /unauthorized|refused/);

  // Nobody is in the room by all that.
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  assert.doesNotMatch(metrics, new RegExp(signature.replace(/[-]/g, "\\-")), "no token in the metrics");
  assert.ok(!server.process.text.stderr.includes(good), "no token in the log");
});

scenario("a token that is used again replaces the first", async (stage) => {
  const server = await stage.server();
  const chromium = await stage.chromium();
  const link = await server.invite();
  const bert = await chromium.person("bert");
  await bert.join(link);
  const anna = await chromium.person("anna");
  await anna.join(link);
  await bert.seesOthers(1);

  const token = await anna.page.evaluate(() => {
    const text = Object.values(sessionStorage).find((v) => v.includes("token"));
    return JSON.parse(text).token;
  });
  const thief = await chromium.person("thief");
  await thief.page.goto(server.url);
  assert.equal(await knock(thief, "test", token), "welcome");
  await anna.reads(/joined elsewhere/i);
  const ids = await bert.page.evaluate(() => window.switchyard.room.participants.map((p) => p.id));
  assert.equal(new Set(ids).size, ids.length, "never the same identity twice");
});
