// Prosody with the gateway in front of it; or, with INTEROP_DIRECT, Prosody's own transports in the gateway's place.

import { startGateway } from './gateway.js';
import { ANONYMOUS_DOMAIN, DOMAIN, startProsody } from './prosody.js';

export const direct = process.env.INTEROP_DIRECT === '1';

export async function startProsodyTarget() {
  const prosody = await startProsody();
  const own = {
    bosh: `http://127.0.0.1:${prosody.httpPort}/http-bind`,
    websocket: `ws://127.0.0.1:${prosody.httpPort}/xmpp-websocket`,
  };
  if (direct) return { ...own, own, end: () => prosody.end() };
  const gateway = await startGateway({ [DOMAIN]: prosody.port, [ANONYMOUS_DOMAIN]: prosody.port });
  return {
    bosh: gateway.bosh,
    websocket: gateway.websocket,
    own,
    gateway,
    end: async () => {
      await gateway.end();
      await prosody.end();
    },
  };
}
