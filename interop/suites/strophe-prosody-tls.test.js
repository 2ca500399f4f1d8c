// Strophe.js through the gateway to a Prosody that requires STARTTLS, by BOSH and by WebSocket.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startGateway } from '../lib/gateway.js';
import { ACCOUNTS, ANONYMOUS_DOMAIN, DOMAIN, startProsody } from '../lib/prosody.js';
import { Client } from '../lib/strophe.js';
import { stropheSessions } from '../lib/strophe-sessions.js';

let prosody;
let gateway;
before(async () => {
  prosody = await startProsody({}, { names: [DOMAIN, ANONYMOUS_DOMAIN] });
  gateway = await startGateway({ [DOMAIN]: prosody.port, [ANONYMOUS_DOMAIN]: prosody.port }, '', { ca: prosody.ca });
});
after(async () => {
  await gateway?.end();
  await prosody?.end();
});

stropheSessions('Prosody behind TLS', {
  target: () => gateway,
  domain: DOMAIN,
  anonymousDomain: ANONYMOUS_DOMAIN,
  accounts: ACCOUNTS,
});

describe('Strophe.js, Prosody behind TLS, a certificate for another domain', () => {
  let other;
  let refusing;
  before(async () => {
    other = await startProsody({}, { names: ['elsewhere.test'] });
    refusing = await startGateway({ [DOMAIN]: other.port }, '', { ca: other.ca });
  });
  after(async () => {
    await refusing?.end();
    await other?.end();
  });

  for (const transport of ['bosh', 'websocket']) {
    it(`does not sign in by ${transport}`, { timeout: 30000 }, async () => {
      const me = new Client(refusing[transport]);
      me.start(`juliet@${DOMAIN}/x`, ACCOUNTS.juliet);
      const condition = await me.reached('CONNFAIL');
      assert.equal(condition, transport === 'bosh' ? 'remote-connection-failed' : 'internal-server-error');
      assert.match(refusing.log(), /the certificate is not for \\?"prosody\.test\\?" but for \\?"elsewhere\.test/);
    });
  }
});
