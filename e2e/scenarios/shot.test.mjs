import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Display, pixelsOf } from "../harness/display.mjs";
import { accept, facts, folder, take } from "../harness/filespage.mjs";
import { scenario } from "../harness/scenario.mjs";
import { eventually } from "../harness/wait.mjs";

// A page that no compressor guesses, drawn once.
const page = `data:text/html,<title>noise</title><style>*{margin:0;caret-color:transparent}</style><canvas width=800 height=400></canvas>
<script>const g=document.querySelector("canvas").getContext("2d"),i=g.createImageData(800,400);
for(let n=0;n<i.data.length;n+=65536)crypto.getRandomValues(i.data.subarray(n,Math.min(n+65536,i.data.length)));
for(let n=3;n<i.data.length;n+=4)i.data[n]=255;g.putImageData(i,0,0)</script>`;

/** A browser on a screen, when it shows the page and nothing moves any more. */
async function shown(stage) {
  const display = await Display.start(stage);
  const chromium = await stage.chromium({ display: display.name, args: ["--window-position=0,0", "--window-size=800,600"] });
  const anna = await chromium.person("anna");
  await anna.page.goto(page);
  let before = Buffer.alloc(0);
  await eventually("the page is on the screen", async () => {
    const now = await display.pixels();
    const still = now.equals(before);
    before = now;
    const colours = new Set();
    for (let i = 0; i < now.length; i += 3) colours.add(now.readUIntBE(i, 3));
    return still && colours.size > 50_000;
  });
  return { display, screen: before };
}

/** Takes the shot, and waits for its link on the clipboard. */
async function shoot(stage, server, display, ...args) {
  const shot = stage.switchyard(["shot", "--data", server.data, ...args], "shot", { env: display.env });
  const link = await eventually("the link", () => shot.text.stdout.includes("\n") && shot.text.stdout.trim());
  await eventually("the link is on the clipboard", async () => (await display.pasted()) === link);
  return { shot, link };
}

async function ended(shot) {
  assert.equal((await shot.exited).code, 0, shot.tail());
}

scenario("a screenshot goes by a link from one screen to another device, and no pixel changes", async (stage) => {
  const server = await stage.server();
  const { display, screen } = await shown(stage);
  const { shot, link } = await shoot(stage, server, display);
  const to = folder(stage);
  const receive = stage.switchyard(["receive", "--yes", "--to", to, link], "receive");
  await ended(receive);
  await ended(shot);
  const [name, ...others] = readdirSync(to);
  assert.deepEqual(others, []);
  assert.match(name, /^Screenshot \d{4}-\d\d-\d\d \d\d\.\d\d\.png$/);
  assert.ok((await pixelsOf(path.join(to, name))).equals(screen), "what arrived is not what the screen shows");
  assert.equal(await display.pasted(), "", "a link that is used up is still on the clipboard");
});

scenario("a region of the screen is received by a page, once", async (stage) => {
  const server = await stage.server();
  const { display, screen } = await shown(stage);
  const { shot, link } = await shoot(stage, server, display, "--region=300x200+250+300");
  const bert = await (await stage.chromium()).person("bert");
  const here = link.replace(/^https?:\/\/[^/]+/, server.url); // the browsers of scenarios know no certificate of ours
  await bert.page.goto(here);
  assert.equal((await facts(server, here)).left, 1);
  await take(bert, here);
  const saved = await accept(bert);
  await ended(shot);
  const file = path.join(folder(stage), "saved.png");
  writeFileSync(file, saved.bytes);
  const got = await pixelsOf(file);
  const want = Buffer.concat(Array.from({ length: 200 }, (_, y) => screen.subarray(3 * ((300 + y) * 800 + 250), 3 * ((300 + y) * 800 + 550))));
  assert.ok(got.equals(want), "what arrived is not what the screen shows");
  assert.equal((await facts(server, here)).valid, false);
});
