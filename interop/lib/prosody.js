// One Prosody with two hosts: accounts on `prosody.test`, SASL ANONYMOUS on `anonymous.prosody.test`.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, Process, temporaryDirectory } from './processes.js';

const start = fileURLToPath(new URL('../prosody/start', import.meta.url));
const certify = fileURLToPath(new URL('../prosody/certify', import.meta.url));

export const DOMAIN = 'prosody.test';
export const ANONYMOUS_DOMAIN = 'anonymous.prosody.test';
export const ACCOUNTS = { juliet: 'r0m30 & <"co">', romeo: 'päßwörd' };

/** With `names`, STARTTLS is required, with a certificate for those domains; `ca` is the file of who signed it. */
export async function startProsody(more = {}, { names = [] } = {}) {
  const port = await freePort();
  const httpPort = await freePort();
  const accounts = Object.entries({ ...ACCOUNTS, ...more }).map(([name, password]) => `${name}:${password}`);
  const data = temporaryDirectory('prosody');
  const env = {};
  if (names.length > 0) {
    execFileSync(certify, [data, ...names]);
    env.INTEROP_TLS = 'required';
  }
  const server = new Process('prosody', start, [data, String(port), String(httpPort), ...accounts], { env });
  await server.listening(port);
  await server.listening(httpPort);
  return { port, httpPort, ca: join(data, 'ca.pem'), end: () => server.end() };
}
