// Converse.js in Chromium, by BOSH and by WebSocket: the echo contact of the demonstration domain.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startChromium } from '../lib/chromium.js';
import { openConverse, servePages } from '../lib/converse.js';
import { startGateway } from '../lib/gateway.js';

const timeout = 30000;
const ECHO = 'echo@localhost';
const BODIES = ['family 👩‍👩‍👧‍👦, crab 🦀', '漢字かな 한국어 العربية', `<b>&amp; "]]>" 'x'</b>`, ...Array.from({ length: 20 }, (_, index) => `message ${index}`)];

let gateway;
let pages;
let browser;
before(async () => {
  gateway = await startGateway();
  pages = await servePages();
  browser = await startChromium();
  browser.context.setDefaultTimeout(15000);
});
after(async () => {
  await browser?.end();
  await pages?.end();
  await gateway?.end();
});

for (const transport of ['bosh', 'websocket']) {
  describe(`Converse.js, ${transport}, demonstration domain`, () => {
    it('signs in, gets the roster, gets every body back in order, and logs out', { timeout }, async () => {
      const me = await openConverse(browser.context, pages, { transport, url: gateway[transport], jid: 'ada@localhost', password: 'any' });
      assert.deepEqual(await me.roster(), [ECHO]);
      await me.send(ECHO, BODIES);
      assert.deepEqual(await me.received(ECHO, BODIES.length), BODIES);
      await me.logout();
    });
  });
}
