// Where the demonstration page is served: by the gateway with its demonstration domain;
// with INTEROP_DIRECT by Prosody, whose own transports then stand in, with a Strophe.js session as the echo contact.

import { startGateway } from './gateway.js';
import { DOMAIN, startProsody } from './prosody.js';
import { direct } from './prosody-target.js';

const PASSWORD = 'demonstration'; // the page's default

export async function startPageTarget() {
  if (!direct) {
    const gateway = await startGateway();
    return { origin: `${gateway.origin}/`, domain: 'localhost', end: () => gateway.end() };
  }
  const accounts = Object.fromEntries(['ada', 'grace', 'echo'].map((name) => [name, PASSWORD]));
  const prosody = await startProsody(accounts);
  const { Client } = await import('./strophe.js');
  const echo = await new Client(`ws://127.0.0.1:${prosody.httpPort}/xmpp-websocket`).connect(`echo@${DOMAIN}/bot`, PASSWORD);
  let echoed = 0;
  const timer = setInterval(() => {
    for (; echoed < echo.messages.length; echoed += 1) echo.send(echo.messages[echoed].from, echo.messages[echoed].body);
  }, 10);
  return {
    origin: `http://127.0.0.1:${prosody.httpPort}/`,
    domain: DOMAIN,
    end: async () => {
      clearInterval(timer);
      await prosody.end();
    },
  };
}
