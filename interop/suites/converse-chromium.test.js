// Converse.js in Chromium through the gateway, by BOSH and by WebSocket: the echo contact of the demonstration domain; two users of Prosody
// and of ejabberd, one of whom loses the network.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { startChromium } from '../lib/chromium.js';
import { openConverse, servePages } from '../lib/converse.js';
import { startCut } from '../lib/cut.js';
import * as ejabberd from '../lib/ejabberd.js';
import { startGateway } from '../lib/gateway.js';
import { sleep } from '../lib/processes.js';
import * as prosody from '../lib/prosody.js';
import { startProsodyTarget } from '../lib/prosody-target.js';
import { until } from '../lib/until.js';
import { Client, xml } from '../lib/xmppjs.js';

const timeout = 60000;
const ECHO = 'echo@localhost';
const BODIES = ['family 👩‍👩‍👧‍👦, crab 🦀', '漢字かな 한국어 العربية', `<b>&amp; "]]>" 'x'</b>`, ...Array.from({ length: 20 }, (_, index) => `message ${index}`)];
const servers = [
  { name: 'Prosody', domain: prosody.DOMAIN, start: startProsodyTarget },
  { name: 'ejabberd', domain: ejabberd.DOMAIN, start: ejabberd.startEjabberdTarget },
];

/** Makes the two contacts of each other: Converse.js talks to nobody else by default. */
async function befriend(url, domain) {
  const users = ['juliet', 'romeo'].map((name) => new Client(url, domain, name, prosody.ACCOUNTS[name], 'friends'));
  for (const user of users) {
    await user.connect();
    // Only who asked for the roster hears of approvals.
    await user.roster();
  }
  const [juliet, romeo] = users;
  const ask = (from, to, type) => from.xmpp.send(xml('presence', { to: to.jid.split('/')[0], type }));
  for (const [one, other] of [[juliet, romeo], [romeo, juliet]]) {
    await ask(one, other, 'subscribe');
    await until('a request', () => other.presences.find(({ type }) => type === 'subscribe'));
    await ask(other, one, 'subscribed');
    await until('an approval', () => one.presences.find(({ type }) => type === 'subscribed'));
  }
  for (const user of users) await user.disconnect();
}

let pages;
let browser;
before(async () => {
  pages = await servePages();
  browser = await startChromium();
  browser.context.setDefaultTimeout(20000);
});
after(async () => {
  await browser?.end();
  await pages?.end();
});

describe('Converse.js, demonstration domain', () => {
  let gateway;
  before(async () => {
    gateway = await startGateway();
  });
  after(() => gateway?.end());

  for (const transport of ['bosh', 'websocket']) {
    it(`${transport}: signs in, gets the roster, gets every body back in order, and logs out`, { timeout }, async () => {
      const me = await openConverse(browser.context, pages, { transport, url: gateway[transport], jid: 'ada@localhost', password: 'any' });
      assert.deepEqual(await me.roster(), [ECHO]);
      await me.send(ECHO, BODIES);
      assert.deepEqual(await me.received(ECHO, BODIES.length), BODIES);
      await me.logout();
    });

    it(`${transport}: two users open a chat with each other, each from a roster that the other came into`, { timeout }, async () => {
      const [ada, bob] = [`ada-${transport}@localhost`, `bob-${transport}@localhost`];
      const open = (jid) => openConverse(browser.context, pages, { transport, url: gateway[transport], jid, password: 'any' });
      // One hears of the other by a roster push, the other by its roster.
      const first = await open(ada);
      const second = await open(bob);
      await until('the push', async () => (await first.roster()).includes(bob));
      assert.deepEqual(await second.roster(), [ECHO, ada]);
      await first.send(bob, BODIES);
      assert.deepEqual(await second.received(ada, BODIES.length), BODIES);
      await second.send(ada, BODIES);
      assert.deepEqual(await first.received(bob, BODIES.length), BODIES);
      await first.logout();
      await second.logout();
    });
  }
});

for (const { name, domain, start } of servers) {
  describe(`Converse.js, ${name}`, () => {
    let target;
    let network;
    before(async () => {
      target = await start();
      await befriend(target.websocket, domain);
    }, { timeout: 120000 });
    afterEach(() => network?.end());
    after(() => target?.end());

    for (const transport of ['bosh', 'websocket']) {
      it(`${transport}: chats, loses the network, comes back and misses nothing`, { timeout }, async () => {
        network = await startCut(new URL(target[transport]).port);
        const [julietJid, romeoJid] = [`juliet@${domain}`, `romeo@${domain}`];
        const open = (jid, url) => openConverse(browser.context, pages, { transport, url, jid, password: prosody.ACCOUNTS[jid.split('@')[0]] });
        const juliet = await open(julietJid, network.through(target[transport]));
        const romeo = await open(romeoJid, target[transport]);
        await romeo.send(julietJid, []);
        await juliet.send(romeoJid, BODIES);
        assert.deepEqual(await romeo.received(julietJid, BODIES.length), BODIES);
        await romeo.send(julietJid, BODIES);
        assert.deepEqual(await juliet.received(romeoJid, BODIES.length), BODIES);

        network.lose();
        const away = ['while away 1', 'while away 2', 'while away 3'];
        await romeo.send(julietJid, away);
        await sleep(2000);
        network.restore();
        // Converse.js sorts by time, and a server's stamps of delay are whole seconds: the two groups may change places.
        const seen = await juliet.received(romeoJid, BODIES.length + away.length);
        assert.deepEqual(seen.filter((body) => !away.includes(body)), BODIES);
        assert.deepEqual(seen.filter((body) => away.includes(body)), away);
        await juliet.send(romeoJid, ['back again']);
        assert.deepEqual(await romeo.received(julietJid, BODIES.length + 1), [...BODIES, 'back again']);
        await juliet.logout();
        await romeo.logout();
      });
    }
  });
}
