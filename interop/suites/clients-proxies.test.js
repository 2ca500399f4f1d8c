// Our own clients, on tokio and on smol, through nginx and HAProxy as they come, to the gateway and to Prosody's own transports.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { RUNTIMES, startExample } from '../lib/examples.js';
import { startGateway } from '../lib/gateway.js';
import * as prosody from '../lib/prosody.js';
import { PROXIES, startProxy } from '../lib/proxies.js';

const COUNT = 1000;
/** Seconds that a poll is held. */
const WAIT = 3;
const timeout = 30000;

const places = [
  { name: 'demonstration domain', domain: 'localhost', password: 'any', start: startGateway, port: (target) => target.port },
  {
    name: 'Prosody itself',
    domain: prosody.DOMAIN,
    password: prosody.ACCOUNTS.juliet,
    start: prosody.startProsody,
    port: (target) => target.httpPort,
  },
];

async function post(url, rid, attributes) {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'text/xml; charset=utf-8' },
    body: `<body xmlns='http://jabber.org/protocol/httpbind' rid='${rid}' ${attributes}/>`,
  });
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  return text;
}

for (const { name, domain, password, start, port } of places) {
  // One beside the other: a poll is mostly waiting.
  describe(`our clients through proxies, ${name}`, { concurrency: true }, () => {
    let target;
    const through = {};
    before(async () => {
      target = await start();
      for (const proxy of PROXIES) through[proxy] = await startProxy(proxy, port(target));
    }, { timeout });
    after(async () => {
      for (const proxy of Object.values(through)) await proxy.end();
      await target?.end();
    });

    for (const proxy of PROXIES) {
      for (const runtime of Object.keys(RUNTIMES)) {
        for (const transport of ['bosh', 'websocket']) {
          it(`${proxy}, ${runtime}, ${transport}: ${COUNT} messages to itself are intact, in one session`, { timeout }, async () => {
            const url = through[proxy][transport];
            const client = startExample('to_myself', runtime, [`juliet@${domain}`, password, String(COUNT), url]);
            try {
              const { code } = await client.exited;
              assert.equal(code, 0, client.output);
              assert.ok(client.output.includes(` is signed in at ${url}\n`), client.output);
              assert.match(client.output, new RegExp(`^${COUNT} messages came back in .*, in one session; 0 undelivered$`, 'm'));
            } finally {
              await client.end();
            }
          });
        }
      }

      it(`${proxy}, bosh: a poll that is held for ${WAIT} s is answered`, { timeout }, async () => {
        const { bosh } = through[proxy];
        let rid = 1;
        const created = await post(bosh, rid, `to='${domain}' wait='${WAIT}' hold='1' ver='1.6' content='text/xml; charset=utf-8'`
          + " xml:lang='en' xmpp:version='1.0' xmlns:xmpp='urn:xmpp:xbosh'");
        const sid = created.match(/ sid=['"]([^'"]+)['"]/)?.[1];
        assert.ok(sid, created);
        // The features come with the session or after it; then there is nothing to say.
        if (!created.includes('<mechanisms')) assert.match(await post(bosh, ++rid, `sid='${sid}'`), /<mechanisms/);
        const asked = performance.now();
        const poll = await post(bosh, ++rid, `sid='${sid}'`);
        const seconds = (performance.now() - asked) / 1000;
        assert.match(poll, /^<body[^>]*(\/>|><\/body>)$/);
        assert.doesNotMatch(poll, / type=/);
        assert.ok(seconds > WAIT - 0.5 && seconds < WAIT + 2, `${seconds} s`);
        assert.match(await post(bosh, ++rid, `sid='${sid}' type='terminate'`), / type=['"]terminate['"]/);
      });
    }
  });
}
