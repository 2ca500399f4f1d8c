// A page in Chromium and the echo server: large messages, many messages, compressed and not.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startChromium } from '../lib/chromium.js';
import { startEchoServer } from '../lib/echo-server.js';

const timeout = 100000;
const MANY = 100000;

let browser;
before(async () => { browser = await startChromium(); });
after(() => browser?.end());

/** Runs in the page: 16 MiB of text and of noise, then `count` numbered messages; gives what the socket agreed on and how it closed. */
async function conversation({ url, count }) {
  const socket = new WebSocket(url);
  socket.binaryType = 'arraybuffer';
  const event = (name) => new Promise((resolve, reject) => {
    socket.addEventListener(name, resolve, { once: true });
    socket.addEventListener('error', () => reject(new Error(`an error instead of ${name}`)), { once: true });
  });
  await event('open');
  const answer = async (message) => {
    const came = event('message');
    socket.send(message);
    return (await came).data;
  };
  const size = 16 * 1024 * 1024;
  const text = 'a message that repeats itself; '.repeat(size / 31);
  if (await answer(text) !== text) throw new Error('text came back as another');
  const noise = new Uint8Array(size);
  for (let at = 0; at < size; at += 65536) crypto.getRandomValues(noise.subarray(at, at + 65536));
  const back = new Uint8Array(await answer(noise));
  if (back.length !== size || back.some((byte, at) => byte !== noise[at])) throw new Error('noise came back as another');
  await new Promise((resolve, reject) => {
    let next = 0;
    socket.onclose = (close) => reject(new Error(`closed with ${close.code} after ${next}`));
    socket.onmessage = ({ data }) => {
      if (data !== `message number ${next}`) reject(new Error(`${data} instead of number ${next}`));
      next += 1;
      if (next === count) resolve();
    };
    for (let index = 0; index < count; index += 1) socket.send(`message number ${index}`);
  });
  socket.onclose = null;
  const closed = event('close');
  socket.close(4000, 'done');
  const { code, wasClean } = await closed;
  return { extensions: socket.extensions, code, wasClean };
}

describe('Chromium', () => {
  for (const compression of [false, true]) {
    test(`16 MiB and 100 000 messages, ${compression ? 'compressed' : 'plain'}`, { timeout }, async () => {
      const server = await startEchoServer({ compression });
      const page = await browser.context.newPage();
      try {
        // Any page of that origin will do; this one says 426.
        await page.goto(server.url.replace('ws:', 'http:'));
        const told = await page.evaluate(conversation, { url: server.url, count: MANY });
        assert.deepEqual(told, { extensions: compression ? 'permessage-deflate' : '', code: 4000, wasClean: true });
      } finally {
        await page.close();
        await server.end();
      }
    });
  }
});
