// Strophe.js with the small server of the examples, on tokio and on smol.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { BODIES } from '../lib/bodies.js';
import { RUNTIMES, startExample } from '../lib/examples.js';
import { Client } from '../lib/strophe.js';
import { until } from '../lib/until.js';

const DOMAIN = 'lantern.example';
const timeout = 30000;

for (const runtime of Object.keys(RUNTIMES)) {
  let server;
  let address;
  before(async () => {
    server = startExample('serve_sessions', runtime, ['127.0.0.1:0']);
    await until('an address', () => /listening at \S+/.test(server.output), 10);
    [, address] = /listening at (\S+)/.exec(server.output);
  });
  after(() => server?.end());

  for (const transport of ['bosh', 'websocket']) {
    describe(`Strophe.js, ${transport}, serve_sessions on ${runtime}`, () => {
      const client = () => new Client(transport === 'bosh' ? `http://${address}/http-bind` : `ws://${address}/xmpp-websocket`);

      it('signs in with PLAIN, and every message comes back', { timeout }, async () => {
        const me = await client().connect(`ada@${DOMAIN}/${transport}`, 'any password');
        assert.equal(me.connection._sasl_mechanism.mechname, 'PLAIN');
        assert.equal(me.jid, `ada@${DOMAIN}/${transport}`);
        for (const body of Object.values(BODIES)) me.send(`echo@${DOMAIN}`, body);
        me.connection.flush();
        await me.received(Object.keys(BODIES).length);
        const names = new Map(Object.entries(BODIES).map(([name, body]) => [body, name]));
        const came = me.messages.map(({ body }) => names.get(body) ?? body);
        assert.deepEqual(came, Object.keys(BODIES));
        assert.ok(me.messages.every(({ from }) => from === `echo@${DOMAIN}`));
        await me.disconnect();
        await until('its end', () => server.output.includes(`ada@${DOMAIN}/${transport}: closed by the client`), 10);
      });

      it('signs in anonymously', { timeout }, async () => {
        const me = await client().connect(DOMAIN);
        assert.match(me.jid, new RegExp(`^guest-\\d+@${DOMAIN}/.+$`));
        me.send(`echo@${DOMAIN}`, 'from a guest');
        await me.received(1);
        await me.disconnect();
      });
    });
  }
}
