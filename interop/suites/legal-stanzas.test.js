// What a client may legally send to another: 2 000 random stanzas through Prosody and ejabberd to a user behind the gateway, over both transports. The
// recipient's session lives, and every stanza comes once. INTEROP_SEED repeats a run.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import * as ejabberd from '../lib/ejabberd.js';
import { startGateway } from '../lib/gateway.js';
import { legalStanzas } from '../lib/legal-stanzas.js';
import * as prosody from '../lib/prosody.js';
import { BoshClient, TcpClient, WebSocketClient } from '../lib/raw-clients.js';
import { until } from '../lib/until.js';

const STANZAS = 2000;
const seed = Number(process.env.INTEROP_SEED ?? Math.floor(Math.random() * 2 ** 32));
console.log(`legal-stanzas: INTEROP_SEED=${seed}`);

const servers = [
  { name: 'Prosody', domain: prosody.DOMAIN, start: prosody.startProsody },
  { name: 'ejabberd', domain: ejabberd.DOMAIN, start: ejabberd.startEjabberd },
];

for (const { name, domain, start } of servers) {
  describe(`legal stanzas, ${name}`, () => {
    let server;
    let gateway;
    before(async () => {
      server = await start();
      gateway = await startGateway({ [domain]: server.port });
    }, { timeout: 120000 });
    after(async () => {
      await gateway?.end();
      await server?.end();
    });

    for (const Recipient of [WebSocketClient, BoshClient]) {
      it(`reach their recipient by ${Recipient.name}, seed ${seed}`, { timeout: 60000 }, async () => {
        const recipient = await new Recipient(gateway, domain).signIn('romeo', prosody.ACCOUNTS.romeo, 'reads');
        recipient.say("<presence xmlns='jabber:client'/>");
        recipient.say("<enable xmlns='urn:xmpp:sm:3'/>");
        await recipient.hears('<enabled');
        const sender = await new TcpClient(server.port, domain).signIn('juliet', prosody.ACCOUNTS.juliet, 'writes');
        const stanzas = legalStanzas(seed, STANZAS, recipient.jid);
        for (const [at, stanza] of stanzas.entries()) {
          assert.equal(sender.ended, null, `${name} takes what is sent; before ${at}: ${stanzas[at - 1]?.slice(0, 2000)}`);
          sender.say(stanza);
          await sender.flushed();
        }
        sender.say(`<message to='${recipient.jid}' type='chat' id='g${STANZAS}'><body>last</body></message>`);
        const last = (element) => element.includes(`g${STANZAS}`);
        const end = await until('the last stanza', () => sender.ended ?? recipient.ended ?? recipient.heard.find(last), 40);
        assert.equal(sender.ended, null, `${name} takes what is sent, seed ${seed}`);
        assert.equal(recipient.ended, null, `the recipient's session lives, seed ${seed}`);
        assert.ok(last(end));
        // What the server returns to its sender does not come to the recipient.
        const returned = sender.heard.filter((element) => /^<(message|iq|presence)[^>]*type=['"]error/.test(element));
        const ids = recipient.ids();
        assert.equal(new Set(ids).size, ids.length, 'none comes twice');
        const came = new Set([...ids, ...returned.map((element) => element.match(/\sid=['"](g\d+)['"]/)?.[1])]);
        const missing = Array.from({ length: STANZAS + 1 }, (_, at) => `g${at}`).filter((id) => !came.has(id));
        assert.deepEqual(missing, [], `${missing.map((id) => stanzas[Number(id.slice(1))]?.slice(0, 500)).join('\n')}`);
        assert.ok(returned.length < STANZAS / 100, `${returned.length} were returned`);
        // XEP-0198: the server takes our count for right, and goes on.
        recipient.say(`<a xmlns='urn:xmpp:sm:3' h='${recipient.counted}'/>`);
        recipient.say(`<iq xmlns='jabber:client' type='get' id='alive' to='${domain}'><ping xmlns='urn:xmpp:ping'/></iq>`);
        await recipient.hears("'alive'".replaceAll("'", ''));
        assert.equal(recipient.ended, null);
        await until('a line of the log', () => gateway.log().includes('its content was dropped'));
        assert.ok(gateway.log().includes(`juliet@${domain}`));
        sender.end();
        recipient.end();
      });
    }
  });
}
