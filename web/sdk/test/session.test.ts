import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { SwitchyardError } from "../src/error";
import type { ServerEnvelope, Welcome } from "../src/protocol";
import { Session } from "../src/session";
import { FakeServer, settle, welcome } from "./server";

class Owner {
  welcomes: Welcome[] = [];
  messages: ServerEnvelope[] = [];
  reach: boolean[] = [];
  over?: { error?: SwitchyardError };
  joins = 0;
  url = () => "wss://host/v1/rooms/standup?token=t";
  join = async () => {
    this.joins++;
    return { capabilities: {}, offer: { type: "offer" as const, sdp: `offer ${this.joins}` } };
  };
  welcome = (w: Welcome) => void this.welcomes.push(w);
  message = (m: ServerEnvelope) => void this.messages.push(m);
  reachable = (yes: boolean) => void this.reach.push(yes);
  closed = (error?: SwitchyardError) => void (this.over = { error });
}

let server: FakeServer;
let owner: Owner;
let session: Session;
let wake: () => void;

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
  owner = new Owner();
  session = new Session(owner, {
    dial: server.dial,
    wake: (callback) => ((wake = callback), () => {}),
    requestTimeout: 10_000,
  });
  session.start();
});

afterEach(() => vi.useRealTimers());

async function joined() {
  server.line.open();
  await settle();
  const join = server.line.last("join");
  server.line.say({ type: "welcome", re: join.id, seq: 1, ack: 1, body: welcome() });
  await settle();
}

/** Drops the connection, waits for the next one and opens it. */
async function reconnect() {
  const before = server.lines.length;
  server.line.drop();
  await vi.advanceTimersByTimeAsync(2_000);
  expect(server.lines.length).toBe(before + 1);
  server.line.open();
  await settle();
}

describe("joining", () => {
  it("sends a numbered join with an offer, and is in with the welcome", async () => {
    await joined();
    expect(server.line.sent[0]).toMatchObject({ type: "join", seq: 1, body: { offer: { sdp: "offer 1" } } });
    expect(owner.welcomes).toHaveLength(1);
    expect(owner.reach).toEqual([true]);
  });

  it("numbers what follows without gaps and acknowledges what came", async () => {
    await joined();
    session.send("report", {});
    session.send("leave", {});
    expect(server.line.sent.slice(1).map((m) => [m.seq, m.ack])).toEqual([[2, 1], [3, 1]]);
  });

  it("is told at once that it may not come in", async () => {
    server.line.open();
    await settle();
    const re = server.line.last("join").id;
    server.line.say({ type: "error", re, body: { code: "room-full", message: "full", retryable: true } });
    expect(owner.over?.error?.code).toBe("room-full");
  });

  it("takes a refusal that comes before the join was sent", async () => {
    server.line.open();
    server.line.say({ type: "error", body: { code: "unauthorized", message: "no", retryable: false, fatal: true } });
    await settle();
    expect(owner.over?.error?.code).toBe("unauthorized");
    expect(server.line.types()).toEqual([]);
  });

  it("tries again, with a new offer, while the server is away", async () => {
    server.line.drop();
    await vi.advanceTimersByTimeAsync(300);
    expect(server.lines).toHaveLength(2);
    await joined();
    expect(owner.welcomes).toHaveLength(1);
  });

  it("gives up on a socket that does not open, or brings no welcome", async () => {
    await vi.advanceTimersByTimeAsync(5_300);
    expect(server.lines).toHaveLength(2);
    server.line.open();
    await vi.advanceTimersByTimeAsync(8_600);
    expect(server.lines).toHaveLength(3);
    expect(server.lines[1]?.closed).toBe(true);
  });

  it("does not mistake a late answer of an old socket for its own", async () => {
    const old = server.line;
    old.open();
    await settle();
    old.drop();
    old.say({ type: "welcome", re: 1, seq: 1, body: welcome() });
    expect(owner.welcomes).toHaveLength(0);
  });
});

describe("requests", () => {
  it("resolve with their answer", async () => {
    await joined();
    const answer = session.request("data", { topic: "chat", payload: 1 });
    const sent = server.line.last("data");
    server.line.say({ type: "ok", re: sent.id, seq: 2 });
    expect((await answer).type).toBe("ok");
    expect(owner.messages).toEqual([]);
  });

  it("reject with the server's error", async () => {
    await joined();
    const answer = session.request("moderate", { action: "close" });
    const re = server.line.last("moderate").id;
    server.line.say({ type: "error", re, seq: 2, body: { code: "forbidden", message: "no", retryable: false } });
    await expect(answer).rejects.toMatchObject({ code: "forbidden" });
    expect(owner.over).toBeUndefined();
  });

  it("time out", async () => {
    await joined();
    const answer = expect(session.request("leave", {})).rejects.toMatchObject({ code: "timeout", retryable: true });
    await vi.advanceTimersByTimeAsync(10_001);
    await answer;
  });

  it("do not time out while the server is away", async () => {
    await joined();
    const answer = session.request("data", { topic: "chat", payload: 1 });
    server.line.drop();
    await vi.advanceTimersByTimeAsync(20_000);
    server.line.open();
    await settle();
    server.line.say({ type: "welcome", re: server.line.last("resume").id, body: welcome({ resumed: true }) });
    server.line.say({ type: "ok", re: server.line.last("data").id, seq: 2 });
    expect((await answer).type).toBe("ok");
  });

  it("made while reconnecting are sent after the resume", async () => {
    await joined();
    server.line.drop();
    session.send("report", { rtt: 1 });
    await vi.advanceTimersByTimeAsync(2_000);
    server.line.open();
    await settle();
    expect(server.line.types()).toEqual(["resume"]);
    server.line.say({ type: "welcome", re: server.line.last("resume").id, body: welcome({ resumed: true }) });
    expect(server.line.last("report").seq).toBe(2);
  });
});

describe("resuming", () => {
  it("says what it has and sends again what was not acknowledged", async () => {
    await joined();
    session.send("report", { rtt: 1 });
    session.send("report", { rtt: 2 });
    server.line.say({ type: "speakers", seq: 2, ack: 2, body: { speakers: [] } });
    await reconnect();
    const resume = server.line.last("resume");
    expect(resume).toMatchObject({ ack: 2, body: { session: "secret" } });
    expect(resume.seq).toBeUndefined();
    server.line.say({ type: "welcome", re: resume.id, ack: 2, body: welcome({ resumed: true }) });
    expect(server.line.sent.slice(1)).toMatchObject([{ type: "report", seq: 3, body: { rtt: 2 } }]);
    expect(owner.joins).toBe(1);
    expect(owner.reach).toEqual([true, false, true]);
  });

  it("takes a replayed message once", async () => {
    await joined();
    const news: ServerEnvelope = { type: "speakers", seq: 2, body: { speakers: [] } };
    server.line.say(news);
    await reconnect();
    server.line.say({ type: "welcome", re: server.line.last("resume").id, body: welcome({ resumed: true }) });
    server.line.say(news);
    server.line.say({ type: "need-slots", seq: 3, body: { audio: 1, video: 1 } });
    expect(owner.messages.map((m) => m.type)).toEqual(["speakers", "need-slots"]);
  });

  it("joins anew on the same socket when the session is unknown", async () => {
    await joined();
    const lost = expect(session.request("data", { topic: "t", payload: 1 })).rejects.toMatchObject({ code: "session-unknown" });
    await reconnect();
    const re = server.line.last("resume").id;
    server.line.say({ type: "error", re, body: { code: "session-unknown", message: "?", retryable: false } });
    await settle();
    await lost;
    expect(server.line.last("join")).toMatchObject({ seq: 1, body: { offer: { sdp: "offer 2" } } });
    server.line.say({ type: "welcome", re: server.line.last("join").id, seq: 1, body: welcome({ session: "new" }) });
    session.send("report", {});
    expect(server.line.last("report").seq).toBe(2);
    expect(owner.welcomes).toHaveLength(2);
  });

  it("counts the new session's messages from the start", async () => {
    await joined();
    for (let seq = 2; seq < 10; seq++) server.line.say({ type: "speakers", seq, body: { speakers: [] } });
    await reconnect();
    server.line.say({
      type: "error",
      re: server.line.last("resume").id,
      body: { code: "session-unknown", message: "?", retryable: false },
    });
    await settle();
    server.line.say({ type: "welcome", re: server.line.last("join").id, seq: 1, body: welcome() });
    server.line.say({ type: "need-slots", seq: 2, body: { audio: 0, video: 1 } });
    expect(owner.messages.at(-1)?.type).toBe("need-slots");
  });

  it("keeps trying, at most 2 s apart, and is back at once when the network wakes", async () => {
    await joined();
    server.line.drop();
    for (let i = 0; i < 8; i++) {
      await vi.advanceTimersByTimeAsync(2_000);
      server.line.drop();
    }
    expect(server.lines.length).toBeGreaterThanOrEqual(8);
    const before = server.lines.length;
    wake();
    expect(server.lines.length).toBe(before + 1);
  });
});

describe("the end", () => {
  it.each(["replaced", "removed", "room-closed"] as const)("stays out after %s", async (code) => {
    await joined();
    server.line.say({ type: "error", seq: 2, body: { code, message: "bye", retryable: false, fatal: true } });
    expect(owner.over?.error?.code).toBe(code);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(server.lines).toHaveLength(1);
  });

  it("comes back when the server shuts down", async () => {
    await joined();
    server.line.say({ type: "error", seq: 2, body: { code: "shutting-down", message: "", retryable: true, fatal: true } });
    await vi.advanceTimersByTimeAsync(2_000);
    expect(server.lines).toHaveLength(2);
    expect(owner.over).toBeUndefined();
  });

  it("says goodbye when it leaves", async () => {
    await joined();
    const waiting = expect(session.request("data", { topic: "t", payload: 1 })).rejects.toMatchObject({ code: "closed" });
    session.leave();
    await waiting;
    expect(server.line.types().at(-1)).toBe("leave");
    expect(server.line.closed).toBe(true);
    expect(owner.over).toEqual({ error: undefined });
    await expect(session.request("leave", {})).rejects.toMatchObject({ code: "closed" });
  });
});

describe("liveness", () => {
  it("pings when it has said nothing for 10 s, and takes silence for death", async () => {
    await joined();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(server.line.last("ping").seq).toBeUndefined();
    server.line.say({ type: "pong", body: {} });
    await vi.advanceTimersByTimeAsync(9_999);
    expect(server.lines).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(5_001 + 300);
    expect(server.lines).toHaveLength(2);
  });

  it("looks at once when the page wakes", async () => {
    await joined();
    wake();
    expect(server.line.types().at(-1)).toBe("ping");
    await vi.advanceTimersByTimeAsync(2_300);
    expect(server.lines).toHaveLength(2);
  });

  it("acknowledges when it only listens", async () => {
    await joined();
    for (let seq = 2; seq <= 40; seq++) server.line.say({ type: "speakers", seq, body: { speakers: [] } });
    expect(server.line.last("ping").ack).toBeGreaterThan(30);
  });

  it("bears nonsense", async () => {
    await joined();
    for (const text of ["", "null", "[]", "{", '"x"', "{}"]) server.line.events.received(text);
    expect(owner.messages).toEqual([]);
    expect(owner.over).toBeUndefined();
  });
});
