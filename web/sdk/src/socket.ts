// The WebSocket behind one small interface, so that tests can play the server.

/** What happens on a socket. */
export interface SocketEvents {
  opened(): void;
  received(text: string): void;
  /** Said once, also when it never opened. */
  closed(): void;
}

/** One connection that carries text messages. */
export interface Socket {
  send(text: string): void;
  close(): void;
}

/** Opens a socket. */
export type Dial = (url: string, subprotocol: string, events: SocketEvents) => Socket;

/** Opens a browser's WebSocket. */
export const dialWebSocket: Dial = (url, subprotocol, events) => {
  const ws = new WebSocket(url, subprotocol);
  let done = false;
  const closed = () => {
    if (done) return;
    done = true;
    events.closed();
  };
  ws.onopen = () => events.opened();
  ws.onmessage = (e) => {
    if (typeof e.data === "string") events.received(e.data);
  };
  ws.onclose = closed;
  return {
    send: (text) => {
      if (ws.readyState === WebSocket.OPEN) ws.send(text);
    },
    close: () => {
      ws.close(1000);
      // A dead network keeps a closing WebSocket around for a minute; nobody waits for that.
      closed();
    },
  };
};

/** The address of a room's WebSocket: of the room's page, of its API, either by http(s) or ws(s). */
export function roomSocketURL(address: string, base?: string): URL {
  const url = new URL(address, base);
  url.protocol = url.protocol.replace(/^http/, "ws");
  url.pathname = url.pathname.replace(/^\/r\/([^/]+)\/?$/, "/v1/rooms/$1");
  url.search = "";
  url.hash = "";
  return url;
}
