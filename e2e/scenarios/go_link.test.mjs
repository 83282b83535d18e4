import assert from "node:assert/strict";
import { example } from "../harness/example.mjs";
import { scenario } from "../harness/scenario.mjs";
import { eventually } from "../harness/wait.mjs";

const size = 1_000_000;

/** Sends size bytes over a channel in chunks, and checks that they come back: what was counted. */
function roundTrip(person, peer) {
  return person.page.evaluate(async ([peer, size]) => {
    const link = window.switchyard.room.openLink(peer, "file");
    const channel = link.open("file");
    channel.binaryType = "arraybuffer";
    const got = { text: [], bytes: 0, wrong: 0, waited: 0 };
    const whole = new Promise((resolve, reject) => {
      link.on("closed", () => reject(new Error("the link closed")));
      channel.onmessage = ({ data }) => {
        if (typeof data === "string") return got.text.push(data);
        for (const b of new Uint8Array(data)) if (b !== (got.bytes++ * 7) % 251) got.wrong++;
        if (got.bytes === size) channel.send("that was all");
      };
      channel.addEventListener("message", ({ data }) => data === "that was all" && resolve());
    });
    channel.onopen = async () => {
      channel.send("grüße"); // at once, before the other end may have looked
      channel.bufferedAmountLowThreshold = 32_768;
      for (let at = 0; at < size; at += 10_000) {
        channel.send(Uint8Array.from({ length: 10_000 }, (_, i) => ((at + i) * 7) % 251));
        if (channel.bufferedAmount < 131_072) continue;
        got.waited++;
        await new Promise((resolve) => (channel.onbufferedamountlow = resolve));
      }
    };
    await whole;
    link.close();
    return got;
  }, [peer, size]);
}

scenario("a data link between Chromium and a Go client", async (stage) => {
  const server = await stage.server();
  const program = await example("echo");
  const chromium = await stage.chromium();
  const anna = await chromium.person("anna");
  await anna.join(await server.invite());
  const room = async (identity) => `${server.url}/r/test?token=${await server.token({ identity, grants: "data" })}`;

  // The page opens the link; the Go client has the smaller or the greater id, and either may be polite.
  for (const identity of ["!echo", "~echo"]) {
    const echo = stage.process(program, [await room(identity)], "echo");
    await eventually("the echo is there", () =>
      anna.page.evaluate((id) => window.switchyard.room.participants.some((p) => p.id === id), identity));
    const got = await roundTrip(anna, identity);
    assert.deepEqual({ ...got, waited: 0 }, { text: ["grüße", "that was all"], bytes: size, wrong: 0, waited: 0 });
    assert.ok(got.waited > 0, "a megabyte at once made the page wait");
    await eventually("the Go client sees the link close", () => /link closed/.test(echo.text.stderr));
    const { code } = await echo.stop({ signal: "SIGINT" });
    assert.equal(code, 0, echo.tail());
  }

  // The Go client opens it.
  await anna.page.evaluate(() => {
    window.heard = [];
    window.switchyard.room.on("link", (link) => link.on("channel", (channel) => {
      channel.binaryType = "arraybuffer";
      channel.onmessage = ({ data }) => {
        window.heard.push(typeof data === "string" ? data : [...new Uint8Array(data)]);
        if (data === "hello") channel.send(Uint8Array.of(1, 2, 3));
      };
    }));
  });
  stage.process(program, [await room("caller"), await anna.me()], "caller");
  await eventually("its hello comes, and our answer comes back", async () => {
    const heard = await anna.page.evaluate(() => window.heard);
    assert.deepEqual(heard, ["hello", [1, 2, 3]]);
    return true;
  });
});
