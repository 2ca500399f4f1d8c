// Our own clients, on tokio and on smol, at Prosody's and ejabberd's own transports: messages to themselves, and a network that goes away.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startCut } from '../lib/cut.js';
import * as ejabberd from '../lib/ejabberd.js';
import { startExample } from '../lib/examples.js';
import { sleep } from '../lib/processes.js';
import * as prosody from '../lib/prosody.js';
import { until } from '../lib/until.js';

const servers = [
  { name: 'Prosody', domain: prosody.DOMAIN, start: prosody.startProsody },
  { name: 'ejabberd', domain: ejabberd.DOMAIN, start: ejabberd.startEjabberd },
];
const runtimes = ['tokio', 'smol'];
const AWAY = 20000;

function toMyself(runtime, domain, url, count) {
  return startExample('to_myself', runtime, [`juliet@${domain}`, prosody.ACCOUNTS.juliet, String(count), url]);
}

for (const { name, domain, start } of servers) {
  describe(`our clients and the network, ${name}`, () => {
    let server;
    let urls;
    before(async () => {
      server = await start();
      urls = {
        bosh: `http://127.0.0.1:${server.httpPort}/http-bind`,
        websocket: `ws://127.0.0.1:${server.httpPort}/xmpp-websocket`,
      };
    }, { timeout: 120000 });
    after(() => server?.end());

    for (const runtime of runtimes) {
      for (const transport of ['websocket', 'bosh']) {
        it(`${runtime}, ${transport}: 1000 messages to itself are intact and in order`, { timeout: 60000 }, async () => {
          const client = toMyself(runtime, domain, urls[transport], 1000);
          const { code } = await client.exited;
          assert.equal(code, 0, client.output);
          assert.match(client.output, /1000 messages came back in .* in one session; 0 undelivered/);
        });
      }
    }

    it('bosh: 10 000 messages each way in one session', { timeout: 120000 }, async () => {
      const client = toMyself('tokio', domain, urls.bosh, 10000);
      const { code } = await client.exited;
      assert.equal(code, 0, client.output);
      assert.match(client.output, /10000 messages came back in .* in one session; 0 undelivered/);
    });

    // The network is away for 20 s in all of these, one beside the other.
    describe('a network that is lost', { concurrency: true }, () => {
      for (const [how, lose] of [['refuses', 'lose'], ['is silent', 'hush']]) {
        it(`bosh: lives on in the same session after a network that ${how}`, { timeout: 90000 }, async () => {
          const network = await startCut(server.httpPort);
          const client = toMyself('tokio', domain, network.through(urls.bosh), 3000);
          try {
            await until('messages', () => /00 came back/.test(client.output), 20);
            network[lose]();
            await sleep(AWAY);
            network.restore();
            const { code } = await client.exited;
            assert.equal(code, 0, client.output);
            assert.match(client.output, /3000 messages came back in .* in one session; 0 undelivered/);
          } finally {
            await client.end();
            await network.end();
          }
        });

        it(`websocket: a network that ${how} is reported`, { timeout: 90000 }, async () => {
          const network = await startCut(server.httpPort);
          const client = toMyself('smol', domain, network.through(urls.websocket), 100000);
          try {
            await until('messages', () => /00 came back/.test(client.output), 20);
            const lost = performance.now();
            network[lose]();
            const { code } = await client.exited;
            const seconds = (performance.now() - lost) / 1000;
            assert.equal(code, 1, client.output);
            assert.match(client.output, /^lost: /m);
            // At once, or 5 s of silence and 5 s without a pong.
            const [least, most] = how === 'refuses' ? [0, 2] : [5, 12];
            assert.ok(seconds >= least && seconds <= most, `${seconds} s`);
          } finally {
            await client.end();
            await network.end();
          }
        });
      }
    });
  });
}
