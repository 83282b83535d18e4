// The service worker, from the page's side: getting it ready, and what a share menu left with it.
import type { SendItem } from "../../../sdk/src/transfer/shape";

const script = "/transfer-sw.js";
const scope = "/send"; // and /send/stream/…, and nothing else

/** The worker when it runs; undefined where the browser has none (private windows of some, pages without HTTPS). */
export async function readyWorker(): Promise<ServiceWorker | undefined> {
  try {
    const registration = await navigator.serviceWorker.register(script, { scope });
    const worker = registration.active ?? registration.waiting ?? registration.installing;
    if (!worker) return undefined;
    await activated(worker);
    return registration.active ?? worker;
  } catch {
    return undefined;
  }
}

function activated(worker: ServiceWorker): Promise<void> {
  return new Promise((resolve, reject) => {
    const look = () => {
      if (worker.state === "activated") resolve();
      else if (worker.state === "redundant") reject(new Error("transfer: the service worker was not taken"));
    };
    worker.addEventListener("statechange", look);
    look();
  });
}

export interface Shared {
  items: SendItem[];
  text: string;
}

/** What another app has shared with this one, once; undefined where there is nothing. */
export async function takeShared(): Promise<Shared | undefined> {
  try {
    const cache = await caches.open("shared");
    const shared: Shared = { items: [], text: "" };
    for (const request of await cache.keys()) {
      const response = await cache.match(request);
      await cache.delete(request);
      if (!response) continue;
      if (new URL(request.url).pathname.endsWith("/text")) {
        shared.text = await response.text();
        continue;
      }
      const path = decodeURIComponent(response.headers.get("x-name") ?? "") || "file";
      shared.items.push({ path, file: await response.blob(), modified: Date.now() });
    }
    return shared.items.length > 0 || shared.text ? shared : undefined;
  } catch {
    return undefined;
  }
}
