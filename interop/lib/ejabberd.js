// One ejabberd with two hosts: accounts on `ejabberd.test`, SASL ANONYMOUS on `anonymous.ejabberd.test`.

import { fileURLToPath } from 'node:url';
import { startGateway } from './gateway.js';
import { freePort, Process, temporaryDirectory } from './processes.js';
import { ACCOUNTS } from './prosody.js';

const start = fileURLToPath(new URL('../ejabberd/start', import.meta.url));
const register = fileURLToPath(new URL('../ejabberd/register', import.meta.url));

export const DOMAIN = 'ejabberd.test';
export const ANONYMOUS_DOMAIN = 'anonymous.ejabberd.test';

/** With `addresses`, c2s expects the PROXY protocol, and `mod_fail2ban` bans an address for its third wrong password. */
export async function startEjabberd({ addresses = false } = {}) {
  const port = await freePort();
  const httpPort = await freePort();
  const distributionPort = await freePort();
  const data = temporaryDirectory('ejabberd');
  const server = new Process('ejabberd', start, [data, String(port), String(httpPort), String(distributionPort)], {
    env: addresses ? { INTEROP_ADDRESSES: 'yes' } : {},
  });
  await server.listening(port, { seconds: 90 });
  await server.listening(httpPort);
  const accounts = Object.entries(ACCOUNTS).map(([name, password]) => `${name}:${password}`);
  const registering = new Process('ejabberd-register', register, [data, String(distributionPort), ...accounts]);
  const { code } = await registering.exited;
  if (code !== 0) {
    await server.end();
    throw new Error(`ejabberd registers no accounts:\n${registering.output}`);
  }
  return { port, httpPort, end: () => server.end() };
}

/** ejabberd with the gateway in front of it. */
export async function startEjabberdTarget() {
  const ejabberd = await startEjabberd();
  const gateway = await startGateway({ [DOMAIN]: ejabberd.port, [ANONYMOUS_DOMAIN]: ejabberd.port });
  return {
    bosh: gateway.bosh,
    websocket: gateway.websocket,
    own: {
      bosh: `http://127.0.0.1:${ejabberd.httpPort}/http-bind`,
      websocket: `ws://127.0.0.1:${ejabberd.httpPort}/xmpp-websocket`,
    },
    end: async () => {
      await gateway.end();
      await ejabberd.end();
    },
  };
}
