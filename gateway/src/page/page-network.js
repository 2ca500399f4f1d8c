// The page's way to the network, with a switch in it: a cut ends what is in flight as a lost network would,
// and nothing leaves until the cut is over.

export class Network {
  #flights = new Set(); // AbortControllers of requests without an answer
  #sockets = new Map(); // open WebSockets -> what tells their owner of the loss
  #until = 0;

  /** Milliseconds until something can leave again. */
  get pause() {
    return Math.max(0, this.#until - performance.now());
  }

  /** Ends what is in flight; everything new fails for so many milliseconds. */
  cut(pause) {
    this.#until = performance.now() + pause;
    for (const flight of [...this.#flights]) flight.abort();
    for (const [socket, lost] of [...this.#sockets]) {
      this.#sockets.delete(socket);
      lost();
      // A page cannot end TCP without a word: the server sees a Close frame, but no `<close/>` before it.
      socket.close(4000);
    }
  }

  /** POSTs; rejects when the network is lost or `abort` is used. */
  async post(url, headers, body, abort) {
    if (this.pause > 0) throw new TypeError('The network is cut.');
    this.#flights.add(abort);
    try {
      const response = await fetch(url, { method: 'POST', headers, body, signal: abort.signal, cache: 'no-store' });
      return { status: response.status, ok: response.ok, text: await response.text() };
    } finally {
      this.#flights.delete(abort);
    }
  }

  /** A new WebSocket; null while the network is cut. */
  socket(url, protocol, lost) {
    if (this.pause > 0) return null;
    const socket = new WebSocket(url, protocol);
    this.#sockets.set(socket, lost);
    socket.addEventListener('close', () => this.#sockets.delete(socket));
    return socket;
  }
}
