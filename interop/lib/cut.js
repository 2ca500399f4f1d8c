// A TCP proxy in front of one port: cuts what runs through it, as a network does that is lost.

import { connect, createServer } from 'node:net';

export async function startCut(port) {
  const pairs = new Set();
  let away = false;
  let silent = false;
  const server = createServer((near) => {
    if (away) {
      near.resetAndDestroy();
      return;
    }
    if (silent) {
      // Taken by the kernel, and never heard of again.
      const pair = [near];
      pairs.add(pair);
      near.on('error', () => {});
      near.on('close', () => pairs.delete(pair));
      return;
    }
    const far = connect({ port, host: '127.0.0.1' });
    const pair = [near, far];
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    for (const socket of pair) {
      socket.setNoDelay(true);
      socket.on('error', end);
      socket.on('close', end);
    }
    near.pipe(far);
    far.pipe(near);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = () => {
    for (const pair of [...pairs]) for (const socket of pair) socket.resetAndDestroy();
  };
  return {
    port: server.address().port,
    /** Through the proxy instead of past it. */
    through: (url) => url.replace(/:[0-9]+\//, `:${server.address().port}/`),
    /** Resets every connection; new ones are taken. */
    cut,
    /** Resets every connection, and each that is tried until `restore`. */
    lose: () => {
      away = true;
      cut();
    },
    /** Carries nothing more and says nothing, on new connections too, until `restore`: what was open then stays dead. */
    hush: () => {
      silent = true;
      for (const [near, far] of [...pairs]) {
        near.unpipe(far);
        far.unpipe(near);
        near.pause();
        far.pause();
      }
    },
    restore: () => {
      away = false;
      silent = false;
    },
    end: () => {
      cut();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
