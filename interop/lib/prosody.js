// One Prosody with two hosts: accounts on `prosody.test`, SASL ANONYMOUS on `anonymous.prosody.test`.

import { fileURLToPath } from 'node:url';
import { freePort, Process, temporaryDirectory } from './processes.js';

const start = fileURLToPath(new URL('../prosody/start', import.meta.url));

export const DOMAIN = 'prosody.test';
export const ANONYMOUS_DOMAIN = 'anonymous.prosody.test';
export const ACCOUNTS = { juliet: 'r0m30 & <"co">', romeo: 'päßwörd' };

export async function startProsody(more = {}) {
  const port = await freePort();
  const httpPort = await freePort();
  const accounts = Object.entries({ ...ACCOUNTS, ...more }).map(([name, password]) => `${name}:${password}`);
  const server = new Process('prosody', start, [temporaryDirectory('prosody'), String(port), String(httpPort), ...accounts]);
  await server.listening(port);
  await server.listening(httpPort);
  return { port, httpPort, end: () => server.end() };
}
