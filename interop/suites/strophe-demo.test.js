// Strophe.js with the demonstration domain: what a first `cargo run` offers.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { BODIES } from '../lib/bodies.js';
import { startGateway } from '../lib/gateway.js';
import { sleep } from '../lib/processes.js';
import { $iq, child, Client } from '../lib/strophe.js';

const DOMAIN = 'localhost';
const ECHO = `echo@${DOMAIN}`;
const timeout = 30000;

let gateway;
before(async () => {
  gateway = await startGateway();
});
after(() => gateway?.end());

for (const transport of ['bosh', 'websocket']) {
  describe(`Strophe.js, ${transport}, demonstration domain`, () => {
    const open = [];
    const client = () => {
      const made = new Client(gateway[transport]);
      open.push(made);
      return made;
    };
    const named = (name) => client().connect(`${name}@${DOMAIN}/strophe`, 'any password');
    const done = async () => {
      for (const each of open.splice(0)) await each.disconnect();
    };

    it('signs in with PLAIN, binds, gets the roster and disconnects', { timeout }, async () => {
      const me = await named('ada');
      assert.equal(me.connection._sasl_mechanism.mechname, 'PLAIN');
      assert.equal(me.jid, `ada@${DOMAIN}/strophe`);
      const reply = await me.iq($iq({ type: 'get' }).c('query', { xmlns: 'jabber:iq:roster' }));
      assert.equal(child(reply, 'query').namespaceURI, 'jabber:iq:roster');
      await done();
    });

    it('signs in anonymously', { timeout }, async () => {
      const me = await client().connect(DOMAIN);
      assert.match(me.jid, new RegExp(`^[^@/]+@${DOMAIN}/.+$`));
      me.send(me.jid, 'to myself');
      await me.received(1);
      assert.equal(me.messages[0].body, 'to myself');
      await done();
    });

    it('pings the domain', { timeout }, async () => {
      const me = await named('ping');
      assert.equal((await me.ping(DOMAIN)).getAttribute('type'), 'result');
      await done();
    });

    for (const [name, body] of Object.entries(BODIES)) {
      it(`gets ${name} back from the echo contact`, { timeout }, async () => {
        const me = await named('echoed');
        me.send(ECHO, body);
        await me.received(1);
        assert.equal(me.messages[0].body, body);
        assert.equal(me.messages[0].from.split('/')[0], ECHO);
        await done();
      });
    }

    it('keeps the order of two messages sent in one turn', { timeout }, async () => {
      const me = await named('pair');
      me.send(ECHO, 'first');
      me.send(ECHO, 'second');
      await me.received(2);
      assert.deepEqual(me.messages.map(({ body }) => body), ['first', 'second']);
      await done();
    });

    it('keeps the order of 200 messages in a burst', { timeout }, async () => {
      const one = await named('burst-one');
      const other = await named('burst-other');
      const sent = Array.from({ length: 200 }, (_, index) => `message ${index}`);
      for (const body of sent) one.send(other.jid, body);
      await other.received(200, 25);
      assert.deepEqual(other.messages.map(({ body }) => body), sent);
      await done();
    });

    it('shows two people to each other and lets them talk', { timeout }, async () => {
      const one = await named('one');
      const other = await named('other');
      for (const [who, whom] of [[one, other], [other, one]]) {
        await who.until(`presence of ${whom.jid}`, () => who.presences.find(({ from, type }) => from === whom.jid && type === null));
      }
      one.send(`other@${DOMAIN}`, 'to the bare address');
      await other.received(1);
      assert.equal(other.messages[0].from, one.jid);
      const leaving = other.jid;
      await other.disconnect();
      await one.until('unavailable presence', () => one.presences.find(({ from, type }) => from === leaving && type === 'unavailable'), 5);
      await done();
    });

    it('connects again after a disconnect', { timeout }, async () => {
      const me = await named('again');
      for (let round = 0; round < 3; round += 1) {
        await me.disconnect();
        await sleep(50); // Strophe.js still ends the old socket in a timer of its own
        me.reset();
        await me.connect(`again@${DOMAIN}/strophe`, 'any password');
        me.send(ECHO, `round ${round}`);
        await me.received(1);
        assert.equal(me.messages[0].body, `round ${round}`);
      }
      await done();
    });

    it('refuses an unknown domain with host-unknown', { timeout }, async () => {
      const me = client();
      me.start('ada@unknown.test/x', 'any');
      assert.equal(await me.reached('CONNFAIL'), 'host-unknown');
      await done();
    });

    it('carries twenty sessions at once', { timeout: 60000 }, async () => {
      const sessions = await Promise.all(Array.from({ length: 20 }, (_, index) => named(`ring-${index}`)));
      for (let round = 0; round < 5; round += 1) {
        sessions.forEach((each, index) => each.send(sessions[(index + 1) % 20].jid, `round ${round} from ${index}`));
      }
      await Promise.all(sessions.map((each) => each.received(5, 40)));
      sessions.forEach((each, index) => {
        const before = (index + 19) % 20;
        assert.deepEqual(each.messages.map(({ body }) => body), [0, 1, 2, 3, 4].map((round) => `round ${round} from ${before}`));
      });
      await Promise.all(sessions.map((each) => each.disconnect()));
      await done();
    });
  });
}

describe('Strophe.js, demonstration domain, both transports', () => {
  it('carries messages from BOSH to WebSocket and back', { timeout }, async () => {
    const one = await new Client(gateway.bosh).connect(`bosh@${DOMAIN}/strophe`, 'any');
    const other = await new Client(gateway.websocket).connect(`websocket@${DOMAIN}/strophe`, 'any');
    one.send(other.jid, 'by WebSocket?');
    await other.received(1);
    other.send(one.jid, 'by BOSH?');
    await one.received(1);
    assert.equal(other.messages[0].body, 'by WebSocket?');
    assert.equal(one.messages[0].body, 'by BOSH?');
    await one.disconnect();
    await other.disconnect();
  });
});
