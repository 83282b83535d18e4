import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Emitter } from "../../sdk/src/emitter";
import type { Incoming, IncomingEvents, IncomingState, Offer, Problem, ReceiveOptions } from "../../sdk/src/transfer/shape";
import { ReceiveModel } from "../src/transfer/receivemodel";

const seat = { id: "T", key: "K", token: "t", room: "r", identity: "r-1" };
const text: Offer = { id: "T", name: "text", kind: "text", files: 1, bytes: 5, entries: [{ p: "text", s: 5 }] };

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

  async accept(): Promise<void> {
    this.accepted++;
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
