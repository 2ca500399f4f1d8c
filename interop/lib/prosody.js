// One Prosody with two hosts: accounts on `prosody.test`, SASL ANONYMOUS on `anonymous.prosody.test`.

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, Process, temporaryDirectory } from './processes.js';

const start = fileURLToPath(new URL('../prosody/start', import.meta.url));
const certify = fileURLToPath(new URL('../prosody/certify', import.meta.url));

export const DOMAIN = 'prosody.test';
export const ANONYMOUS_DOMAIN = 'anonymous.prosody.test';
export const ACCOUNTS = { juliet: 'r0m30 & <"co">', romeo: 'päßwörd' };

/** Where mod_net_proxy is: Debian's prosody-modules has it or not, and `prosodyctl install` puts it elsewhere. */
const modules = process.env.INTEROP_PROSODY_MODULES ?? '/usr/lib/prosody/modules';
export const HAS_NET_PROXY = existsSync(join(modules, 'mod_net_proxy'));

/** With `addresses`, all of c2s is behind mod_net_proxy. With `names`, STARTTLS is required, with a certificate for those domains; `ca` is the file of who signed it. */
export async function startProsody(more = {}, { names = [], addresses = false } = {}) {
  const port = await freePort();
  const httpPort = await freePort();
  const accounts = Object.entries({ ...ACCOUNTS, ...more }).map(([name, password]) => `${name}:${password}`);
  const data = temporaryDirectory('prosody');
  const env = addresses ? { INTEROP_ADDRESSES: modules } : {};
  if (names.length > 0) {
    execFileSync(certify, [data, ...names]);
    env.INTEROP_TLS = 'required';
  }
  const server = new Process('prosody', start, [data, String(port), String(httpPort), ...accounts], { env });
  await server.listening(port);
  await server.listening(httpPort);
  return { port, httpPort, ca: join(data, 'ca.pem'), log: () => server.output, end: () => server.end() };
}
