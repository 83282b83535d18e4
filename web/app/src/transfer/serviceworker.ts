// The service worker of /send: it takes what a phone's share menu gives to this app, and turns a stream of this page into a
// download that the browser writes to disk as it comes. It keeps no pages: everything else goes to the server as ever.

interface WorkerEvent extends Event {
  waitUntil(until: Promise<unknown>): void;
}
interface FetchEvent extends WorkerEvent {
  readonly request: Request;
  respondWith(response: Response | Promise<Response>): void;
}
interface Scope {
  addEventListener(type: "fetch", listener: (e: FetchEvent) => void): void;
  addEventListener(type: "message", listener: (e: WorkerEvent & MessageEvent) => void): void;
  addEventListener(type: "install" | "activate", listener: (e: WorkerEvent) => void): void;
  skipWaiting(): Promise<void>;
  readonly clients: { claim(): Promise<void> };
}

/** A download that a page has announced; docs: streamdisk.ts. */
interface Announced {
  stream: string;
  name: string;
  size: number;
}

type Chunk = Uint8Array<ArrayBuffer>;

const scope = globalThis as unknown as Scope;
const downloads = new Map<string, { name: string; size: number; body: ReadableStream<Uint8Array> }>();

scope.addEventListener("install", (e) => e.waitUntil(scope.skipWaiting()));
scope.addEventListener("activate", (e) => e.waitUntil(scope.clients.claim()));

// "ping" comes every few seconds while a download goes on, or the browser would end this worker.
scope.addEventListener("message", (e) => {
  const [port] = e.ports;
  const said = e.data as Announced | "ping";
  if (said === "ping" || !port) return;
  downloads.set(said.stream, { name: said.name, size: said.size, body: pull(port) });
  port.postMessage("ready");
});

scope.addEventListener("fetch", (e) => {
  const { pathname } = new URL(e.request.url);
  if (pathname === "/send" && e.request.method === "POST") return e.respondWith(keepShared(e.request));
  const stream = /^\/send\/stream\/([^/]+)\//.exec(pathname)?.[1];
  if (stream) e.respondWith(answer(stream));
});

/** The bytes come one message for each "more": the download sets the pace. It asks for more when it has copied what it had,
 * whose memory goes back to the page to be used again: here nothing else would free it for a long time. */
function pull(port: MessagePort): ReadableStream<Uint8Array> {
  let chunk: ((bytes: Chunk | "end" | "abort") => void) | undefined;
  let used: Chunk | undefined;
  port.onmessage = ({ data }) => chunk?.(data as Chunk | "end" | "abort");
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const next = new Promise<Chunk | "end" | "abort">((resolve) => (chunk = resolve));
        giveBack(port, used);
        used = undefined;
        const got = await next;
        if (got === "end") controller.close();
        else if (got === "abort") controller.error(new Error("the transfer ended"));
        else controller.enqueue((used = got));
      },
      cancel() {
        port.postMessage("cancelled"); // by the person, in the browser's list of downloads
      },
    },
    { highWaterMark: 0 },
  );
}

/** Asks for more, with what was used up. A browser that took its memory gives none back. */
function giveBack(port: MessagePort, used: Chunk | undefined): void {
  const whole = used !== undefined && used.byteLength > 0 && used.byteLength === used.buffer.byteLength;
  if (whole) port.postMessage(used, [used.buffer]);
  else port.postMessage("more");
}

function answer(stream: string): Response {
  const found = downloads.get(stream);
  downloads.delete(stream);
  if (!found) return new Response("This download has ended. Go back to the page that began it.", { status: 404, headers: { "content-type": "text/plain" } });
  return new Response(found.body, {
    headers: {
      "content-type": "application/octet-stream",
      "content-disposition": `attachment; filename*=UTF-8''${encodeURIComponent(found.name).replaceAll("'", "%27")}`,
      "content-length": String(found.size),
      "x-content-type-options": "nosniff",
      "content-security-policy": "default-src 'none'",
    },
  });
}

/** What was shared waits in a cache until the page has taken it. */
async function keepShared(request: Request): Promise<Response> {
  try {
    const form = await request.formData();
    const cache = await caches.open("shared");
    for (const old of await cache.keys()) await cache.delete(old);
    const files = form.getAll("files").filter((f): f is File => f instanceof File && (f.size > 0 || f.name !== "")); // an empty field gives a file without a name
    for (const [i, file] of files.entries()) {
      const headers = { "content-type": file.type || "application/octet-stream", "x-name": encodeURIComponent(file.name) };
      await cache.put(`/send/shared/${i}`, new Response(file, { headers }));
    }
    const text = ["title", "text", "url"].map((k) => form.get(k)).filter((t) => typeof t === "string" && t !== "").join("\n");
    if (text && files.length === 0) await cache.put("/send/shared/text", new Response(text));
    return Response.redirect("/send?shared", 303);
  } catch {
    return Response.redirect("/send?shared=failed", 303);
  }
}
