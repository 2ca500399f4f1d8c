// Strophe.js through the gateway to Prosody, by BOSH and by WebSocket.

import { after, before } from 'node:test';
import { ACCOUNTS, ANONYMOUS_DOMAIN, DOMAIN } from '../lib/prosody.js';
import { direct, startProsodyTarget } from '../lib/prosody-target.js';
import { stropheSessions } from '../lib/strophe-sessions.js';

let target;
before(async () => {
  target = await startProsodyTarget();
});
after(() => target?.end());

stropheSessions('Prosody', {
  target: () => target,
  domain: DOMAIN,
  anonymousDomain: ANONYMOUS_DOMAIN,
  accounts: ACCOUNTS,
  // Prosody's own mod_bosh has another word for it.
  unknownDomain: (transport) => (direct && transport === 'bosh' ? 'improper-addressing' : 'host-unknown'),
});
