// The gateway is told to end (SIGTERM) while clients are connected: they learn it, the server sees them leave, and it exits with 0.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startGateway } from '../lib/gateway.js';
import { sleep } from '../lib/processes.js';
import { ACCOUNTS, DOMAIN, startProsody } from '../lib/prosody.js';
import { Client } from '../lib/strophe.js';

const timeout = 40000;

let prosody;
before(async () => {
  prosody = await startProsody();
});
after(() => prosody?.end());

for (const transport of ['bosh', 'websocket']) {
  describe(`Strophe.js, ${transport}, shutdown`, () => {
    it('ends a session with the demonstration domain', { timeout }, async () => {
      const gateway = await startGateway();
      try {
        const me = await new Client(gateway[transport]).connect('ada@localhost/leaves', 'any');
        await me.ping('localhost');
        await sleep(500); // by BOSH, a request is held now
        assert.equal(me.statuses.at(-1)[0], 'CONNECTED');
        gateway.signal('SIGTERM');
        await me.reached('DISCONNECTED', 5);
        assert.deepEqual(await gateway.exited, { code: 0, signal: null });
      } finally {
        await gateway.end();
      }
    });

    it('closes the stream of a session with Prosody', { timeout }, async () => {
      const gateway = await startGateway({ [DOMAIN]: prosody.port });
      try {
        // The witness is connected to Prosody itself.
        const witness = await new Client(`ws://127.0.0.1:${prosody.httpPort}/xmpp-websocket`)
          .connect(`juliet@${DOMAIN}/witness-${transport}`, ACCOUNTS.juliet);
        const me = await new Client(gateway[transport]).connect(`juliet@${DOMAIN}/leaves-${transport}`, ACCOUNTS.juliet);
        const leaving = me.jid;
        await witness.until('presence', () => witness.presences.find(({ from, type }) => from === leaving && type === null));
        await sleep(500);
        gateway.signal('SIGTERM');
        await me.reached('DISCONNECTED', 5);
        await witness.until('unavailable presence', () => witness.presences.find(({ from, type }) => from === leaving && type === 'unavailable'), 5);
        assert.deepEqual(await gateway.exited, { code: 0, signal: null });
        await witness.disconnect();
      } finally {
        await gateway.end();
      }
    });
  });
}
