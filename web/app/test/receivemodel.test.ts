import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Emitter } from "../../sdk/src/emitter";
import type { Incoming, IncomingEvents, IncomingState, Offer, Problem, ReceiveOptions } from "../../sdk/src/transfer/shape";
import { ReceiveModel } from "../src/transfer/receivemodel";

const seat = { id: "T", key: "K", token: "t", room: "r", identity: "r-1" };
const text: Offer = { id: "T", name: "text", kind: "text", files: 1, bytes: 5, entries: [{ p: "text", s: 5 }] };

const some: Offer = { id: "T", name: "some", kind: "files", files: 2, bytes: 5, entries: [{ p: "a", s: 2 }, { p: "b", s: 3 }] };

/** The SDK's end, moved by hand. */
class Fake extends Emitter<IncomingEvents> implements Incoming {
  state: IncomingState = "new";
  offer?: Offer;
  text?: string;
  verified = 0;
  total = 0;
  rate = 0;
  error?: Problem;
  passphrases: string[] = [];
  accepted = 0;
  skip: readonly number[] = [];
  left = false;
  cancelled = false;

  constructor(readonly options: ReceiveOptions) {
    super();
  }

  async start(passphrase = ""): Promise<void> {
    this.passphrases.push(passphrase);
    this.error = undefined;
    this.to("connecting");
    this.emit("seat", seat);
  }

  async accept(_disk?: unknown, skip: readonly number[] = []): Promise<void> {
    this.accepted++;
    this.skip = skip;
    this.to("receiving");
  }

  cancel(): void {
    this.cancelled = true;
    this.to("ended");
  }

  leave(): void {
    this.left = true;
  }

  to(state: IncomingState, more: Partial<Pick<Fake, "offer" | "text" | "error">> = {}): void {
    Object.assign(this, { state, ...more });
    this.emit("change");
  }
}

function start(from: ReceiveOptions["from"] = { id: "T", key: "K" }) {
  const made: Fake[] = [];
  const model = new ReceiveModel((o) => made[made.push(new Fake(o)) - 1]!, "me", from);
  return { model, made };
}

describe("receiving", () => {
  beforeEach(() => {
    vi.stubGlobal("navigator", {});
    vi.stubGlobal("document", Object.assign(new EventTarget(), { visibilityState: "hidden" }));
  });
  afterEach(() => void vi.unstubAllGlobals());

  it("a text is accepted without a question, files are not", async () => {
    const { model, made } = start();
    await model.start();
    made[0]!.to("offered", { offer: text });
    expect(made[0]!.accepted).toBe(1);

    const other = start();
    await other.model.start();
    other.made[0]!.to("offered", { offer: { ...text, kind: "files" } });
    expect(other.made[0]!.accepted).toBe(0);
  });

  it("only what is ticked is accepted, and in another tab the same is", async () => {
    const { model, made } = start();
    await model.start();
    made[0]!.to("offered", { offer: some });
    const choice = model.choice.value!;
    choice.set([choice.rows("")[1]!], false);
    await model.accept();
    expect(made[0]!.skip).toEqual([1]);
    expect(model.taken).toMatchObject({ skip: [1], total: 2 });

    const later = start();
    await later.model.resume(model.taken!);
    later.made[0]!.to("offered", { offer: some });
    await vi.waitFor(() => expect(later.made[0]!.accepted).toBe(1));
    expect(later.made[0]!.skip).toEqual([1]);
  });

  it("what was ticked of another offer under the same link counts for nothing", async () => {
    const before = { id: "T", key: "K", seat, name: "some", verified: 0, total: 2, skip: [1], mark: "2 2 99", at: Date.now() };
    const { model, made } = start();
    await model.resume(before);
    made[0]!.to("offered", { offer: some });
    await Promise.resolve();
    expect(made[0]!.accepted).toBe(0);
    expect(model.choice.value!.skip()).toEqual([]);
    await model.accept();
    expect(made[0]!.skip).toEqual([]);
  });

  it("another passphrase is tried by the same end", async () => {
    const { model, made } = start({ id: "T", key: "K.p" });
    await model.start("wrong");
    made[0]!.to("ended", { error: { code: "wrong-secret", message: "" } });
    expect(model.problem.value?.code).toBe("wrong-secret");
    await model.start("right");
    expect(made.map((m) => m.passphrases)).toEqual([["wrong", "right"]]);
    expect(model.problem.value).toBeUndefined();
  });

  it("another try after a problem comes back with the seat that was taken, and does not take the link twice", async () => {
    const { model, made } = start();
    await model.start("Sesame");
    made[0]!.to("ended", { error: { code: "unreachable", message: "" } });
    await model.again();
    expect(made.length).toBe(2);
    expect(made[0]!.left).toBe(true);
    expect(made[1]!.options.seat).toEqual(seat);
    expect(made[1]!.passphrases).toEqual(["Sesame"]);
    expect(model.problem.value).toBeUndefined();
  });

  it("who stops it is not told that the sender did", async () => {
    const { model, made } = start();
    await model.start();
    await model.cancel();
    expect(made[0]!.cancelled).toBe(true);
    expect(model.stopped.value).toBe(true);
  });

  it("a page that goes leaves without a word, so that the seat is kept", async () => {
    const { model, made } = start();
    await model.start();
    model.close();
    expect([made[0]!.left, made[0]!.cancelled]).toEqual([true, false]);
  });
});
