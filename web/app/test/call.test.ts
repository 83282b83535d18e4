import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { SwitchyardError, type Data, type Participant, type Room, type Slot, type Track } from "../../sdk/src/index";
import { connectionWords } from "../src/banner";
import { Chat } from "../src/chat";
import { linkParts } from "../src/chatlinks";
import { handUp, newHands, raise, raisedHands } from "../src/hands";
import { News } from "../src/news";
import { floatsFor, Reactions } from "../src/reactions";
import { shortcutFor } from "../src/shortcuts";
import { arrange, fitTiles, lie, makeTiles, paginate, tilesPerPage, type Choice } from "../src/tiles";
import { qualityWords, troubleWords } from "../src/trouble";

function person(id: string, ...sources: Track["source"][]): Participant {
  const tracks = sources.map((source, i): Track => {
    const kind = source === "microphone" ? "audio" : "video";
    return { id: `${id}${i}`, participant: id, kind, source };
  });
  return { id, name: id, joinedAt: 0, connected: true, tracks };
}

describe("tiles", () => {
  const keys = (people: Participant[]) => makeTiles(people, "me").map((t) => t.key);

  it("are one for each person, and one for each more camera", () => {
    expect(keys([person("me"), person("bob", "microphone", "camera", "camera")])).toEqual(["me/0", "bob/0", "bob2"]);
  });

  it("put screens first, but not your own", () => {
    expect(keys([person("me", "screen"), person("bob", "camera", "screen", "screen")])).toEqual(["bob1", "bob2", "me/0", "bob/0"]);
  });

  it("keep a person's tile when their camera goes on and off", () => {
    expect(keys([person("bob", "microphone")])).toEqual(keys([person("bob", "microphone", "camera")]));
  });
});

describe("arrangement", () => {
  const look = (people: Participant[], choice: Partial<Choice> = {}) => {
    const { featured, rest, corner } = arrange(makeTiles(people, "me"), { layout: "auto", pinned: new Set(), ...choice });
    return [featured, rest, corner ? [corner] : []].map((list) => list.map((t) => t.key).join(" ")).join(" | ");
  };
  const three = [person("me"), person("bob"), person("eve")];

  it.each<[string, Participant[], Partial<Choice>, string]>([
    ["alone", [person("me")], {}, " | me/0 | "],
    ["two: the other large, yourself in the corner", [person("me"), person("bob")], {}, " | bob/0 | me/0"],
    ["two in a grid", [person("me"), person("bob")], { layout: "grid" }, " | me/0 bob/0 | "],
    ["three", three, {}, " | me/0 bob/0 eve/0 | "],
    ["the speaker", three, { layout: "speaker", speaker: "eve" }, "eve/0 | me/0 bob/0 | "],
    ["nobody spoke yet", three, { layout: "speaker" }, "bob/0 | me/0 eve/0 | "],
    ["the speaker left", three, { layout: "speaker", speaker: "gone" }, "bob/0 | me/0 eve/0 | "],
    ["a pin goes before the speaker", three, { layout: "speaker", speaker: "eve", pinned: new Set(["bob/0"]) }, "bob/0 | me/0 eve/0 | "],
    ["a pin in a grid", three, { layout: "grid", pinned: new Set(["bob/0"]) }, "bob/0 | me/0 eve/0 | "],
    ["two pins", three, { pinned: new Set(["bob/0", "me/0"]) }, "me/0 bob/0 | eve/0 | "],
    ["a pin of who left", three, { pinned: new Set(["zoe/0"]) }, " | me/0 bob/0 eve/0 | "],
    ["a screen", [person("me"), person("bob", "screen")], {}, "bob0 | me/0 bob/0 | "],
    ["two screens", [person("bob", "screen", "screen"), person("me")], {}, "bob0 bob1 | bob/0 me/0 | "],
    ["screens in a grid", [person("bob", "screen"), person("me")], { layout: "grid" }, " | bob0 bob/0 me/0 | "],
    ["only cameras of your own", [person("me", "camera", "camera")], {}, " | me/0 me1 | "],
  ])("%s", (_, people, choice, want) => expect(look(people, choice)).toBe(want));

  it("has every tile once", () => {
    for (const layout of ["auto", "grid", "speaker"] as const) {
      for (const pinned of [new Set<string>(), new Set(["bob/0"]), new Set(["bob/0", "me/0"])]) {
        for (let n = 1; n <= 3; n++) {
          const tiles = makeTiles([person("me", "camera"), person("bob", "camera", "screen"), person("eve")].slice(0, n), "me");
          const { featured, rest, corner } = arrange(tiles, { layout, pinned });
          const all = [...featured, ...rest, ...(corner ? [corner] : [])].map((t) => t.key).sort();
          expect(all).toEqual(tiles.map((t) => t.key).sort());
        }
      }
    }
  });
});

describe("pages", () => {
  const tiles = makeTiles(["a", "b", "c", "me", "d"].map((id) => person(id)), "me");
  const ids = (size: number, spoke: [string, number][] = []) =>
    paginate(tiles, size, new Map(spoke)).map((page) => page.map((t) => t.participant.id).join(""));

  it("begin with you and who spoke last, without moving them about", () => {
    expect(ids(3, [["c", 2], ["d", 9]])).toEqual(["cmed", "ab"]);
  });

  it("are one when all fit", () => expect(ids(5)).toEqual(["abcmed"]));
  it("hold one tile at least", () => expect(ids(0)).toHaveLength(5));

  it("hold what is not too small", () => {
    expect(tilesPerPage({ width: 1248, height: 660 }, 10, { width: 168, height: 94 })).toBe(25);
    expect(tilesPerPage({ width: 374, height: 640 }, 8, { width: 150, height: 118 })).toBe(10);
    expect(tilesPerPage({ width: 0, height: 0 }, 8, { width: 150, height: 118 })).toBe(1);
  });
});

describe("fitting", () => {
  it("gives one tile everything", () => expect(fitTiles(1, { width: 390, height: 700 }, 10)).toEqual({ width: 390, height: 700 }));

  it.each([2, 3, 4, 5, 7, 9, 16, 25])("%i tiles never overflow and are not tiny", (n) => {
    for (const space of [{ width: 1280, height: 660 }, { width: 390, height: 700 }, { width: 900, height: 300 }]) {
      const { width, height } = fitTiles(n, space, 10);
      const columns = Math.floor((space.width + 10) / (width + 10));
      expect(Math.ceil(n / columns) * (height + 10) - 10).toBeLessThanOrEqual(space.height);
      expect((width * height * n) / (space.width * space.height)).toBeGreaterThan(0.4);
      expect(width / height).toBeLessThan(1.82);
      expect(width / height).toBeGreaterThan(0.78);
    }
  });

  it("bears no space and no tiles", () => {
    expect(fitTiles(3, { width: 0, height: 0 }, 10)).toEqual({ width: 0, height: 0 });
    expect(fitTiles(0, { width: 100, height: 100 }, 10)).toEqual({ width: 0, height: 0 });
  });
});

describe("a picture in its tile", () => {
  it.each([
    [1280, 720, 640, 360, "fill"],
    [1280, 720, 300, 375, "fill"], // a phone held upright
    [1280, 720, 374, 700, "middle"], // one alone on it
    [720, 1280, 640, 360, "whole"], // their phone held upright
    [480, 640, 640, 360, "whole"],
    [720, 1280, 374, 700, "fill"],
    [0, 0, 640, 360, "fill"],
  ])("%ix%i in %ix%i: %s", (w, h, tw, th, want) => expect(lie({ width: w, height: h }, { width: tw, height: th })).toBe(want));
});

describe("hands", () => {
  const up = (id: string, hand: string): Participant => ({ ...person(id), attributes: { hand } });
  it("stand in the order in which they were raised", () => {
    const people = [up("a", "3"), person("b"), up("c", "1"), up("d", "3")];
    expect(raisedHands(people).map((p) => p.id)).toEqual(["c", "a", "d"]);
    expect(raise(people)).toEqual({ hand: "4" });
    expect(raise([person("a")])).toEqual({ hand: "1" });
  });

  it.each(["", "0", "-1", "up", "1e999", "NaN", "9007199254740991", "1.5"])("%j is none", (hand) => expect(handUp(up("a", hand))).toBe(false));

  it("are news once", () => {
    expect(newHands([person("a"), up("b", "1")], [up("a", "2"), up("b", "1")]).map((p) => p.id)).toEqual(["a"]);
    expect(newHands([up("a", "1")], [person("a")])).toEqual([]);
  });
});

describe("reactions", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());
  function reactions() {
    let say: (data: Data) => void = () => {};
    const room = {
      on: (_: string, listener: (data: Data) => void) => ((say = listener), () => {}),
      participant: () => ({ name: "Bob" }),
      send: vi.fn(async () => {}),
    };
    return { r: new Reactions(room as unknown as Room), say: (d: Data) => say(d), room };
  }

  it("float for a while", () => {
    const { r, say } = reactions();
    say({ topic: "reaction", from: "bob", payload: { emoji: "👍" } });
    expect(r.floating.value).toMatchObject([{ emoji: "👍", name: "Bob" }]);
    vi.advanceTimersByTime(floatsFor);
    expect(r.floating.value).toEqual([]);
  });

  it("are bounded, whatever comes and however fast", () => {
    const { r, say, room } = reactions();
    for (const payload of [null, 5, "👍", {}, { emoji: 5 }, { emoji: "<b>" }]) say({ topic: "reaction", from: "bob", payload });
    expect(r.floating.value).toEqual([]);
    for (let i = 0; i < 500; i++) say({ topic: "reaction", from: "bob", payload: { emoji: "👏" } });
    expect(r.floating.value.length).toBeLessThan(30);
    for (let i = 0; i < 50; i++) r.send("👏", 1_000);
    expect(room.send).toHaveBeenCalledTimes(1);
  });
});

describe("news", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("tell comings together and not each", () => {
    const news = new News();
    for (const name of ["Ann", "Ben", "Cyd"]) news.came(name);
    news.went("Dan");
    expect(news.spoken.value).toBe("");
    vi.advanceTimersByTime(2_000);
    expect(news.spoken.value).toBe("3 people joined. Dan left");
  });

  it("say of messages now and then that there are some", () => {
    const news = new News();
    news.wrote("Ann", 0);
    news.wrote("Ben", 1_000);
    expect(news.spoken.value).toBe("New message from Ann");
    news.wrote("Ben", 60_000);
    expect(news.spoken.value).toBe("New message from Ben");
  });

  it("go by themselves, and the same is not said twice", () => {
    const news = new News();
    news.say("a");
    news.say("b");
    news.say("a");
    expect(news.notes.value.map((n) => n.text)).toEqual(["b", "a"]);
    vi.advanceTimersByTime(7_000);
    expect(news.notes.value).toEqual([]);
  });
});

describe("shortcuts", () => {
  const press = (key: string, more = {}) => shortcutFor({ key, ctrlKey: false, altKey: false, metaKey: false, repeat: false, ...more }, undefined)?.does;
  it("are keys alone", () => {
    expect(press("m")).toBe("Microphone on or off");
    expect(press("M")).toBe("Microphone on or off");
    expect(press("?")).toBe("This help");
    expect(press("m", { ctrlKey: true })).toBeUndefined();
    expect(press("m", { repeat: true })).toBeUndefined();
    expect(press("x")).toBeUndefined();
  });
});

describe("words about a picture that does not come", () => {
  const track: Track = { id: "t", participant: "p", kind: "video", source: "camera", codec: "AV1" };
  const slot = (paused?: Slot["paused"]): Slot => ({ mid: "1", kind: "video", track: "t", generation: 1, paused });
  it("say why", () => {
    expect(troubleWords(slot("codec"), track, false)).toContain("AV1");
    expect(troubleWords(slot("bandwidth"), track, false)).toContain("too slow");
    expect(troubleWords(slot(), track, false)).toBe("");
    expect(troubleWords(slot(), track, true)).toContain("does not arrive");
    expect(troubleWords(undefined, track, true)).toContain("pin");
  });

  it("say how connections do", () => {
    expect(qualityWords(undefined)).toBe("");
    expect(qualityWords({ participant: "p", quality: "good", rtt: 20 })).toBe("");
    expect(qualityWords({ participant: "p", quality: "poor", loss: 0.123, rtt: 80.4 })).toBe("Poor connection (12 % lost, 80 ms away)");
    expect(connectionWords(true, "connected")).toBeUndefined();
    expect(connectionWords(false, "connected")?.text).toContain("goes on");
    expect(connectionWords(true, "failed")).toMatchObject({ bad: true });
  });
});

describe("chat", () => {
  function chatWith(send: () => Promise<void> = async () => {}) {
    let say: (data: Data) => void = () => {};
    const room = {
      on: (_: string, listener: (data: Data) => void) => ((say = listener), () => {}),
      participant: (id: string) => (id === "bob" ? { name: "Bob" } : undefined),
      send: vi.fn(send),
    };
    return { chat: new Chat(room as unknown as Room), say: (d: Data) => say(d), room };
  }

  it("counts what was not seen", () => {
    const { chat, say } = chatWith();
    say({ topic: "chat", from: "bob", payload: { text: "hi" } });
    say({ topic: "chat", from: "eve", payload: { text: "yo" } });
    expect(chat.lines.value.map((l) => l.name)).toEqual(["Bob", "eve"]);
    expect(chat.unread.value).toBe(2);
    chat.toggle();
    expect(chat.unread.value).toBe(0);
    say({ topic: "chat", from: "bob", payload: { text: "there" } });
    chat.toggle();
    expect(chat.unread.value).toBe(0);
  });

  it.each([[null], ["text"], [{ text: 5 }], [{}], [{ text: "" }]])("shows nothing of %j", (payload) => {
    const { chat, say } = chatWith();
    say({ topic: "chat", from: "bob", payload });
    say({ topic: "other", from: "bob", payload: { text: "x" } });
    say({ topic: "chat", payload: { text: "from nobody" } });
    expect(chat.lines.value).toEqual([]);
  });

  it("says when a line was not sent", async () => {
    const { chat } = chatWith(async () => {
      throw new SwitchyardError("limit", "Too fast.", true);
    });
    await chat.send("  hello ");
    expect(chat.lines.value).toMatchObject([{ text: "hello", yours: true, failed: "Too fast." }]);
  });

  it("sends nothing empty", async () => {
    const { chat, room } = chatWith();
    await chat.send("   ");
    expect(room.send).not.toHaveBeenCalled();
  });
});

describe("links in a chat", () => {
  it.each([
    ["no link", ["no link"]],
    ["see https://a.example/x?y=1#z.", ["see ", "<https://a.example/x?y=1#z>", "."]],
    ["(http://a.b)", ["(", "<http://a.b>", ")"]],
    ["javascript:alert(1) https://", ["javascript:alert(1) https://"]],
    ["https://a https://b", ["<https://a>", " ", "<https://b>"]],
  ])("%s", (text, want) => {
    const parts = linkParts(text);
    expect(parts.map((p) => (p.link ? `<${p.text}>` : p.text))).toEqual(want);
    expect(parts.map((p) => p.text).join("")).toBe(text);
  });
});
