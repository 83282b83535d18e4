import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Invitations, onlyHere, reachableLink, warns } from "../src/invitations";

/** A server of invitations, behind fetch. */
class Fake {
  readonly good = new Map<string, { role: string }>();
  readonly revoked: string[] = [];
  refuse = "";
  #count = 0;

  readonly fetch = async (path: string, init: RequestInit): Promise<Response> => {
    const id = path.split("/")[3] ?? "";
    if (this.refuse) return Response.json({ detail: this.refuse, code: "forbidden" }, { status: 403 });
    if (init.method === "DELETE") {
      this.good.delete(id);
      this.revoked.push(id);
      return new Response(null, { status: 204 });
    }
    if (init.method === "GET") return Response.json({ room: "r", role: "guest", valid: this.good.has(id) });
    const { role, expiresIn } = JSON.parse(String(init.body)) as { role: string; expiresIn: number };
    const made = `i${++this.#count}`;
    this.good.set(made, { role });
    const expires = new Date(Date.now() + expiresIn * 1000).toISOString();
    return Response.json({ id: made, url: `https://x/i/${made}`, room: "r", role, expires }, { status: 201 });
  };
}

let server: Fake;

beforeEach(() => {
  server = new Fake();
  const kept = new Map<string, string>();
  vi.stubGlobal("fetch", server.fetch);
  vi.stubGlobal("sessionStorage", { getItem: (k: string) => kept.get(k) ?? null, setItem: (k: string, v: string) => kept.set(k, v) });
});
afterEach(() => vi.unstubAllGlobals());

const open = async () => {
  const invitations = new Invitations("r", "token");
  await invitations.wishFor({});
  return invitations;
};

it("makes one link, and offers it again", async () => {
  expect((await open()).current.value?.url).toBe("https://x/i/i1");
  expect((await open()).current.value?.url).toBe("https://x/i/i1");
  expect(server.good.size).toBe(1);
});

it("withdraws what nobody got when another is wished for", async () => {
  const invitations = await open();
  await invitations.wishFor({ role: "viewer" });
  expect(invitations.current.value?.id).toBe("i2");
  expect(server.revoked).toEqual(["i1"]);
  expect(server.good.get("i2")).toEqual({ role: "viewer" });
});

it("keeps and lists what was shared", async () => {
  const invitations = await open();
  invitations.share();
  await invitations.wishFor({ role: "host" });
  expect(server.revoked).toEqual([]);
  expect(invitations.others.value.map((m) => m.id)).toEqual(["i1"]);
  await invitations.withdraw("i1");
  expect(server.revoked).toEqual(["i1"]);
  expect(invitations.others.value).toEqual([]);
});

it("does not give a second person what is for one", async () => {
  const first = await open();
  await first.wishFor({ uses: 1 });
  first.share();
  expect(first.current.value?.id).toBe("i2"); // still shown where it was copied
  const second = new Invitations("r", "token");
  await second.wishFor({ uses: 1 });
  expect(second.current.value?.id).toBe("i3");
  expect(second.others.value.map((m) => m.id)).toEqual(["i2"]);
});

it("makes a new one for one that was withdrawn elsewhere", async () => {
  await open();
  server.good.clear();
  expect((await open()).current.value?.id).toBe("i2");
});

it("ends with the last wish when they come fast", async () => {
  const invitations = await open();
  await Promise.all([invitations.wishFor({ role: "host" }), invitations.wishFor({ role: "viewer" }), invitations.wishFor({ role: "guest" })]);
  expect(invitations.current.value?.role).toBe("guest");
  expect(server.good.size).toBe(1);
});

it("says why there is none", async () => {
  server.refuse = "Your token does not let you invite.";
  const invitations = await open();
  expect(invitations.problem.value).toBe("Your token does not let you invite.");
  expect(invitations.busy.value).toBe(false);
});

it.each([
  ["http://localhost:8080/i/A", true],
  ["http://127.0.0.1/i/A", true],
  ["http://[::1]:8080/i/A", true],
  ["https://192.168.1.5:8443/i/A", false],
  ["https://meet.example/i/A", false],
])("%s works on this machine only: %s", (link, here) => expect(onlyHere(link)).toBe(here));

it.each([
  ["http://localhost:8080/i/A", "https://192.168.1.5:8443", "https://192.168.1.5:8443/i/A"],
  ["http://localhost:8080/i/A", "https://127.0.0.1:8443", "http://localhost:8080/i/A"],
  ["http://localhost:8080/i/A", "", "http://localhost:8080/i/A"],
  ["https://meet.example/i/A", "https://192.168.1.5:8443", "https://meet.example/i/A"],
])("others open %s of a server at %s as %s", (link, https, shown) => expect(reachableLink(link, https)).toBe(shown));

it.each([["https://192.168.1.5:8443/i/A", true], ["https://[fd00::1]/i/A", true], ["https://meet.example/i/A", false], ["http://192.168.1.5/i/A", false]])(
  "browsers warn of %s: %s",
  (link, will) => expect(warns(link)).toBe(will),
);
