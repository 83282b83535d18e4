// A TCP proxy before the server's HTTP port, whose connections a scenario can cut.

import net from "node:net";

export class Proxy {
  static start(port, host = "127.0.0.1") {
    const p = new Proxy();
    p.sockets = new Set();
    p.refusing = false;
    p.server = net.createServer((client) => {
      if (p.refusing) return client.destroy();
      const upstream = net.connect(port, host);
      for (const [a, b] of [[client, upstream], [upstream, client]]) {
        p.sockets.add(a);
        a.on("error", () => b.destroy());
        a.on("close", () => {
          p.sockets.delete(a);
          b.destroy();
        });
        a.pipe(b);
      }
    });
    return new Promise((resolve) => p.server.listen(0, "127.0.0.1", () => resolve(p)));
  }

  get url() {
    return `http://127.0.0.1:${this.server.address().port}`;
  }

  /** Cuts every connection now; until restore(), new ones are refused. Returns how many were cut. */
  cut() {
    this.refusing = true;
    const n = this.sockets.size / 2;
    for (const s of this.sockets) s.destroy();
    return n;
  }

  restore() {
    this.refusing = false;
  }

  close() {
    this.cut();
    return new Promise((resolve) => this.server.close(resolve));
  }
}
