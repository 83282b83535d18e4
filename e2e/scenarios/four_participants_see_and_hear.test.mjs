import assert from "node:assert/strict";
import { scenario } from "../harness/scenario.mjs";
import { eventually } from "../harness/wait.mjs";

scenario("four participants see and hear each other", async (stage) => {
  const server = await stage.server();
  const link = await server.invite();
  const chromium = await stage.chromium();
  const people = [];
  for (const name of ["anna", "bert", "carla", "david"]) {
    const person = await chromium.person(name);
    await person.join(link);
    people.push(person);
  }
  for (const person of people) {
    const tiles = await person.seesOthers(3);
    assert.equal(new Set(tiles.map((t) => t.participant)).size, 3, "three different people");
    await person.hears(3);
  }
  await people[0].screenshot("call");

  // A call that stands goes on: every picture moves on, and what the cameras make arrives. (How much they make, and how
  // much of it is decoded and drawn, is a matter of the machine.)
  const [anna, ...others] = people;
  const made = async () => (await Promise.all(others.map((p) => p.encoded()))).reduce((sum, n) => sum + n);
  const before = await anna.decoding(), madeBefore = await made();
  assert.equal(before.length, 3);
  await eventually("every picture moves on", async () => {
    const now = await anna.decoding(), madeNow = await made() - madeBefore;
    const more = (key) => before.map((then) => now.find((s) => s.ssrc === then.ssrc)[key] - then[key]);
    const seen = more("framesDecoded"), came = more("framesReceived").reduce((sum, n) => sum + n);
    if (seen.some((n) => n <= 50) || came < 0.9 * madeNow) throw new Error(`${madeNow} pictures made by all, ${came} received, ${seen.join(", ")} decoded`);
    return true;
  });
  const lost = (stats) => stats.map((s) => [s.ssrc, s.packetsLost]);
  assert.deepEqual(lost(await anna.decoding()), lost(before), "nothing was lost");

  // One leaves, by the button; the others see that.
  await people[3].click("Leave");
  for (const person of people.slice(0, 3)) await person.seesOthers(2);
  await eventually("the tile of the one who left is gone", async () => {
    const names = await anna.page.evaluate(() => window.switchyard.room.participants.map((p) => p.name));
    return names.length === 3 && !names.includes("david");
  });
});
