// A network between one peer and the server that can fail as real ones do: nothing gets through any more, and
// nobody is told.

import net from 'node:net';

export class Proxy {
  #sockets = new Set();
  #isDead = false;

  /** A proxy in front of `server`; peers use it as they would the server. */
  static async start(server) {
    const proxy = new Proxy();
    const listener = net.createServer((near) => proxy.#join(near, net.connect(server.port, '127.0.0.1')));
    await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
    proxy.url = `http://127.0.0.1:${listener.address().port}`;
    proxy.wsUrl = proxy.url.replace('http', 'ws');
    proxy.onDispose = (cleanup) => server.onDispose(cleanup);
    server.onDispose(() => {
      listener.close();
      for (const socket of proxy.#sockets) socket.destroy();
    });
    return proxy;
  }

  #join(near, far) {
    for (const [from, to] of [[near, far], [far, near]]) {
      this.#sockets.add(from);
      from.pipe(to);
      from.on('error', () => {});
      from.on('close', () => this.#isDead || to.destroy());
    }
  }

  /** From now on it takes nothing from either side, and closes nothing. */
  die() {
    this.#isDead = true;
    for (const socket of this.#sockets) socket.unpipe().pause();
  }
}
