import assert from "node:assert/strict";
import { scenario } from "../harness/scenario.mjs";
import { eventually, forAWhile } from "../harness/wait.mjs";

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

  // A call that stands goes on: every picture moves on, none is frozen for a second.
  const [anna] = people;
  const before = await anna.decoding();
  await forAWhile(5000);
  for (const now of await anna.decoding()) {
    const then = before.find((s) => s.ssrc === now.ssrc);
    assert.ok(now.framesDecoded - then.framesDecoded > 20, `${then.framesDecoded} to ${now.framesDecoded} frames in 5 s`);
    assert.ok(now.totalFreezesDuration - then.totalFreezesDuration < 1, `frozen for ${now.totalFreezesDuration} s`);
  }

  // One leaves, by the button; the others see that.
  await people[3].click("Leave");
  for (const person of people.slice(0, 3)) await person.seesOthers(2);
  await eventually("the tile of the one who left is gone", async () => {
    const names = await anna.page.evaluate(() => window.switchyard.room.participants.map((p) => p.name));
    return names.length === 3 && !names.includes("david");
  });
});
