// Our own clients against real servers: their own transports (where they have them), and through the gateway.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import * as ejabberd from '../lib/ejabberd.js';
import { RUNTIMES, startExample } from '../lib/examples.js';
import { startGateway } from '../lib/gateway.js';
import { ACCOUNTS, DOMAIN } from '../lib/prosody.js';
import { startProsodyTarget } from '../lib/prosody-target.js';
import { until } from '../lib/until.js';

const timeout = 30000;
const places = [
  { name: 'Prosody', domain: DOMAIN, password: (user) => ACCOUNTS[user], start: startProsodyTarget },
  { name: 'ejabberd', domain: ejabberd.DOMAIN, password: (user) => ACCOUNTS[user], start: ejabberd.startEjabberdTarget },
  { name: 'demonstration domain', domain: 'localhost', password: () => 'any', start: startGateway },
];

for (const { name, domain, password, start } of places) {
  describe(`our clients, ${name}`, () => {
    let target;
    before(async () => {
      target = await start();
    }, { timeout: 120000 });
    after(() => target?.end());

    const running = [];
    const startOne = (...what) => {
      const started = startExample(...what);
      running.push(started);
      return started;
    };
    afterEach(async () => {
      for (const started of running.splice(0)) await started.end();
    });

    const account = (user) => [`${user}@${domain}`, password(user)];
    for (const runtime of Object.keys(RUNTIMES)) {
      for (const [transport, url] of [
        ['WebSocket', () => target.websocket],
        ['BOSH', () => target.bosh],
        ['WebSocket of the server itself', () => target.own?.websocket],
        ['BOSH of the server itself', () => target.own?.bosh],
      ]) {
        it(`signs in, sends, hears and closes: ${runtime}, ${transport}`, { timeout }, async (test) => {
          const endpoint = url();
          if (endpoint === undefined) {
            test.skip('it has none');
            return;
          }
          if (domain === ejabberd.DOMAIN && transport === 'BOSH of the server itself') {
            test.skip('where the poll arrives behind the end, it answers with faults: what was taken is not known then, and is handed back');
            return;
          }
          const watch = startOne('watch', runtime, [...account('juliet'), endpoint]);
          await until(() => `juliet: ${watch.output}`, () => watch.output.includes(`juliet@${domain}/`));
          const send = startOne('send_message', runtime, [...account('romeo'), `juliet@${domain}`, '1 < 2 & 3', endpoint]);
          const { code } = await send.exited;
          assert.equal(code, 0, send.output);
          assert.match(send.output, /romeo@.* has sent it by way of /);
          await until(() => `the message: ${watch.output}`, () => /<body[^>]*>1 &lt; 2 &amp; 3<\/body>/.test(watch.output));
        });
      }

      it(`is told why it may not sign in: ${runtime}`, { timeout }, async (test) => {
        if (domain === 'localhost') {
          test.skip('any password will do');
          return;
        }
        const send = startOne('send_message', runtime, [`romeo@${domain}`, 'wrong', `juliet@${domain}`, 'x', target.bosh]);
        const { code } = await send.exited;
        assert.equal(code, 1);
        assert.match(send.output, /not authenticated: .*not-authorized/);
      });
    }
  });
}
