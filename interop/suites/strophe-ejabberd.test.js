// Strophe.js through the gateway to ejabberd, by BOSH and by WebSocket.

import { after, before } from 'node:test';
import { ANONYMOUS_DOMAIN, DOMAIN, startEjabberdTarget } from '../lib/ejabberd.js';
import { ACCOUNTS } from '../lib/prosody.js';
import { stropheSessions } from '../lib/strophe-sessions.js';

let target;
before(async () => {
  target = await startEjabberdTarget();
}, { timeout: 120000 });
after(() => target?.end());

stropheSessions('ejabberd', { target: () => target, domain: DOMAIN, anonymousDomain: ANONYMOUS_DOMAIN, accounts: ACCOUNTS });
