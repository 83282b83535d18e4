import { describe, expect, it, vi } from "vitest";
import { SwitchyardError, type Data, type Participant, type Room, type Track } from "../../sdk/src/index";
import { Chat } from "../src/chat";
import { parseRoute } from "../src/route";
import { fitTiles, hue, initials, makeTiles } from "../src/tiles";
import { deviceWords, endWords, invitationWords } from "../src/words";

function person(id: string, ...sources: Track["source"][]): Participant {
  const tracks = sources.map((source, i): Track => {
    const kind = source === "microphone" ? "audio" : "video";
    return { id: `${id}${i}`, participant: id, kind, source };
  });
  return { id, name: id, joinedAt: 0, connected: true, tracks };
}

describe("tiles", () => {
  const order = { you: "me", spoke: new Map<string, number>(), limit: 10 };
  const keys = (people: Participant[], o = order) => makeTiles(people, o).tiles.map((t) => t.key);

  it("are one for each person, and one for each more video", () => {
    expect(keys([person("me"), person("bob", "microphone", "camera", "camera")])).toEqual(["me/0", "bob/0", "bob/1"]);
  });

  it("put screens first, but not your own", () => {
    expect(keys([person("me", "screen"), person("bob", "camera", "screen", "screen")])).toEqual(["bob1", "bob2", "me/0", "bob/0"]);
  });

  it("keep a person's tile when their camera goes on and off", () => {
    expect(keys([person("bob", "microphone")])).toEqual(keys([person("bob", "microphone", "camera")]));
  });

  it("show you and who spoke last when not all fit, without moving them about", () => {
    const people = ["a", "b", "c", "me", "d"].map((id) => person(id));
    const { tiles, hidden } = makeTiles(people, { you: "me", spoke: new Map([["c", 2], ["d", 9]]), limit: 3 });
    expect(tiles.map((t) => t.participant.id)).toEqual(["c", "me", "d"]);
    expect(hidden).toBe(2);
  });
});

describe("fitting", () => {
  it.each([1, 2, 3, 4, 5, 7, 9, 16, 25])("%i tiles never overflow and are not tiny", (n) => {
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

it.each([["Grace Hopper", "GH"], ["plato", "P"], ["  ", "?"], ["Edsger W. Dijkstra", "ED"], ["😀 b", "😀B"]])(
  "%s is %s for short",
  (name, short) => expect(initials(name)).toBe(short),
);

it("gives everyone a colour of their own, always the same", () => {
  expect(hue("p-1")).toBe(hue("p-1"));
  expect(new Set(["p-1", "p-2", "p-3", "p-4"].map(hue)).size).toBe(4);
});

it.each([
  ["/", { page: "home" }],
  ["/i/abc", { page: "invitation", id: "abc" }],
  ["/r/a%20b/", { page: "room", room: "a b" }],
  ["/r/%E0%A4%A", { page: "room", room: "%E0%A4%A" }],
  ["/doctor", { page: "doctor" }],
  ["/admin/", { page: "admin" }],
  ["/r/", { page: "unknown" }],
  ["/x/y", { page: "unknown" }],
])("%s leads to its page", (path, route) => expect(parseRoute(path)).toEqual(route));

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

describe("words", () => {
  const error = (code: SwitchyardError["code"], message = "") => new SwitchyardError(code, message);
  it("tell what to do", () => {
    expect(endWords(error("room-full"))).toMatchObject({ title: "The room is full", again: true });
    expect(endWords(error("removed", "Please mind the rules."))).toMatchObject({ text: "Please mind the rules.", again: false });
    expect(endWords(error("unauthorized")).text).toContain("new link");
    expect(endWords(new TypeError("x")).again).toBe(true);
    expect(invitationWords(error("not-found")).title).toContain("no longer valid");
    expect(invitationWords(error("unreachable")).again).toBe(true);
    expect(deviceWords(error("insecure"), "camera")).toContain("https://");
    expect(deviceWords(error("denied"), "microphone")).toContain("Allow it");
  });
});
