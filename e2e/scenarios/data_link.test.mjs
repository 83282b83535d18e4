import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { scenario } from "../harness/scenario.mjs";
import { eventually } from "../harness/wait.mjs";

const size = 1_000_000;
/** The bytes that both ends know: i * 7 mod 251. */
const want = createHash("sha256").update(Uint8Array.from({ length: size }, (_, i) => (i * 7) % 251)).digest("hex");

/** Takes one file from whoever opens a link: window.received is its size, then its hash. */
function receive(person) {
  return person.page.evaluate((size) => {
    window.received = 0;
    window.switchyard.room.on("link", (link) => link.on("channel", (channel) => {
      channel.binaryType = "arraybuffer";
      const all = new Uint8Array(size);
      channel.onmessage = async ({ data }) => {
        all.set(new Uint8Array(data), window.received);
        window.received += data.byteLength;
        if (window.received < size) return;
        const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", all));
        window.hash = [...hash].map((b) => b.toString(16).padStart(2, "0")).join("");
        channel.send("thanks");
      };
    }));
  }, size);
}

async function received(person) {
  await eventually("all bytes came", async () => {
    const { got, hash } = await person.page.evaluate(() => ({ got: window.received, hash: window.hash ?? "" }));
    if (!hash) throw new Error(`${got} of ${size}`);
    return assert.equal(hash, want) ?? true;
  });
}

scenario("a data link between two browsers", async (stage) => {
  const server = await stage.server();
  const link = await server.invite();
  const chromium = await stage.chromium();
  const anna = await chromium.person("anna");
  const bert = await chromium.person("bert");
  await anna.join(link);
  await bert.join(link);
  await receive(bert);
  const thanks = await anna.page.evaluate(async ([peer, size]) => {
    const link = window.switchyard.room.openLink(peer, "file");
    const channel = link.open("file");
    await new Promise((resolve, reject) => {
      channel.onopen = resolve;
      link.on("closed", () => reject(new Error("the link closed")));
    });
    const answer = new Promise((resolve) => (channel.onmessage = (e) => resolve(e.data)));
    for (let at = 0; at < size; at += 10_000) {
      channel.send(Uint8Array.from({ length: 10_000 }, (_, i) => ((at + i) * 7) % 251));
      while (channel.bufferedAmount > 1_000_000) await new Promise((r) => setTimeout(r, 5));
    }
    return answer;
  }, [await bert.me(), size]);
  assert.equal(thanks, "thanks");
  await received(bert);

  // A link to someone who listens to none is refused, and both ends know.
  const ended = await bert.page.evaluate(([peer]) => new Promise((resolve) => {
    const link = window.switchyard.room.openLink(peer, "unasked");
    link.on("closed", () => resolve("closed"));
    link.open("x");
    setTimeout(resolve, 60_000, "open");
  }), [await anna.me()]);
  assert.equal(ended, "closed");
});
