// Node's `ws` and the echo server: large messages, many messages, compressed and not.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { WebSocket } from 'ws';
import { startEchoServer } from '../lib/echo-server.js';

const timeout = 100000;
const LARGE = 16 * 1024 * 1024;
const MANY = 100000;
const MIB = Buffer.from('a message that repeats itself; '.repeat(40000).slice(0, 1024 * 1024));

let server;
before(async () => { server = await startEchoServer({ compression: true }); });
after(() => server?.end());

async function connect(perMessageDeflate) {
  // Noise gets a little larger by compression.
  const socket = new WebSocket(server.url, { perMessageDeflate, maxPayload: 2 * LARGE });
  socket.on('upgrade', ({ headers }) => { socket.agreed = headers['sec-websocket-extensions']; });
  await once(socket, 'open');
  return socket;
}

async function close(socket) {
  socket.close(4000, 'done');
  const [code] = await once(socket, 'close');
  assert.equal(code, 4000);
}

/** Sends these, and compares what comes back. */
async function echoed(socket, messages) {
  for (const message of messages) {
    const answer = once(socket, 'message');
    socket.send(message);
    const [data, isBinary] = await answer;
    assert.equal(isBinary, typeof message !== 'string');
    assert.ok(Buffer.from(message).equals(data), `${message.length} bytes came back as others`);
  }
}

/** So many numbered messages, which come back in order. */
async function numbered(socket, count) {
  let next = 0;
  const all = new Promise((resolve, reject) => {
    socket.on('close', (code) => reject(new Error(`closed with ${code} after ${next}`)));
    socket.on('message', (data) => {
      if (data.toString() !== `message number ${next}`) reject(new Error(`${data} instead of number ${next}`));
      next += 1;
      if (next === count) resolve();
    });
  });
  for (let index = 0; index < count; index += 1) socket.send(`message number ${index}`);
  await all;
  socket.removeAllListeners('message');
  socket.removeAllListeners('close');
}

describe('Node ws', () => {
  test('16 MiB and 100 000 messages, plain', { timeout }, async () => {
    const socket = await connect(false);
    assert.equal(socket.agreed, undefined);
    await echoed(socket, ['', 'é'.repeat(1000), randomBytes(LARGE), Buffer.alloc(LARGE, MIB).toString()]);
    await numbered(socket, MANY);
    await close(socket);
  });

  test('16 MiB and 100 000 messages, compressed', { timeout }, async () => {
    const socket = await connect({ threshold: 0 });
    assert.equal(socket.agreed, 'permessage-deflate');
    await echoed(socket, ['', 'é'.repeat(1000), randomBytes(LARGE), Buffer.alloc(LARGE, MIB).toString()]);
    await numbered(socket, MANY);
    await close(socket);
  });

  test('every window, without context takeover', { timeout }, async () => {
    for (const bits of [9, 10, 12, 15]) {
      const socket = await connect({
        threshold: 0, serverNoContextTakeover: true, clientNoContextTakeover: true, serverMaxWindowBits: bits, clientMaxWindowBits: bits,
      });
      assert.match(socket.agreed, /server_no_context_takeover/);
      assert.match(socket.agreed, new RegExp(`server_max_window_bits=${bits}`));
      await echoed(socket, [MIB, randomBytes(70000), '', 'Hello', 'Hello']);
      await close(socket);
    }
  });
});
