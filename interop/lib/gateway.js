// The gateway under test: the demonstration domain as it comes, or in front of servers.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, Process, temporaryDirectory } from './processes.js';

const binary = process.env.INTEROP_GATEWAY ?? fileURLToPath(new URL('../../target/debug/xmpp-web', import.meta.url));

/**
 * `upstreams` maps XMPP domains to ports of 127.0.0.1; without any, the demonstration domain is served.
 * `more` is put at the end of the configuration, `listener` and `domain` are put into each of theirs. With `ca`, a file, the upstreams are reached by STARTTLS, and must prove their names.
 */
export async function startGateway(upstreams = {}, more = '', { ca = null, listener = '', domain: inDomain = '' } = {}) {
  const port = await freePort();
  const config = join(temporaryDirectory('gateway'), 'xmpp-web.toml');
  const tls = ca === null ? '' : `tls = "starttls"\nca = "${ca}"\n`;
  const domains = Object.entries(upstreams)
    .map(([domain, upstream]) => `\n[domain."${domain}"]\nupstream = "127.0.0.1:${upstream}"\n${tls}${inDomain}\n`);
  writeFileSync(config, `[[listener]]\naddress = "127.0.0.1:${port}"\n${listener}\n${domains.join('')}\n${more}`);
  const gateway = new Process('gateway', binary, ['serve', '--config', config]);
  await gateway.listening(port);
  return {
    port,
    origin: `http://127.0.0.1:${port}`,
    bosh: `http://127.0.0.1:${port}/http-bind`,
    websocket: `ws://127.0.0.1:${port}/xmpp-websocket`,
    log: () => gateway.output,
    exited: gateway.exited,
    signal: (name) => gateway.signal(name),
    end: () => gateway.end(),
  };
}
