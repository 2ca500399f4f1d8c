// What a session of Strophe.js does at any server, by BOSH and by WebSocket.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BODIES } from './bodies.js';
import { sleep } from './processes.js';
import { $iq, child, Client, Strophe } from './strophe.js';

const timeout = 30000;

/**
 * `target` gives the URLs once the suite's `before` has run; `unknownDomain` names the condition with which a transport refuses a domain
 * that it does not serve.
 */
export function stropheSessions(name, { target, domain, anonymousDomain, accounts, unknownDomain = () => 'host-unknown' }) {
  const julietJid = `juliet@${domain}`;
  const romeoJid = `romeo@${domain}`;

  for (const transport of ['bosh', 'websocket']) {
    describe(`Strophe.js, ${transport}, ${name}`, () => {
      const open = [];
      const client = (options) => {
        const made = new Client(target()[transport], options);
        open.push(made);
        return made;
      };
      const juliet = (resource, options) => client(options).connect(`${julietJid}/${resource}`, accounts.juliet);
      const romeo = (resource) => client().connect(`${romeoJid}/${resource}`, accounts.romeo);
      const done = async () => {
        for (const each of open.splice(0)) await each.disconnect();
      };

      it('signs in with SCRAM, binds, gets the roster and disconnects', { timeout }, async () => {
        const me = await juliet('balcony');
        assert.match(me.connection._sasl_mechanism.mechname, /^SCRAM-SHA-/);
        assert.equal(me.jid, `${julietJid}/balcony`);
        const reply = await me.iq($iq({ type: 'get' }).c('query', { xmlns: 'jabber:iq:roster' }));
        const query = child(reply, 'query');
        assert.equal(query.namespaceURI, 'jabber:iq:roster');
        await done();
        assert.equal(me.statuses.at(-1)[0], 'DISCONNECTED');
      });

      it('lets the server assign a resource', { timeout }, async () => {
        const me = await client().connect(julietJid, accounts.juliet);
        assert.match(me.jid, new RegExp(`^${julietJid}/.+$`));
        await done();
      });

      it('keeps a resource beyond ASCII', { timeout }, async () => {
        const resource = 'téléphone 漢字 (3)';
        const me = await juliet(resource);
        assert.equal(me.jid, `${julietJid}/${resource}`);
        me.send(me.jid, 'to my own resource');
        await me.received(1);
        assert.equal(me.messages[0].from, me.jid);
        await done();
      });

      for (const [what, body] of Object.entries(BODIES)) {
        it(`carries ${what} intact`, { timeout }, async () => {
          const me = await juliet('bodies');
          me.send(me.jid, body);
          await me.received(1);
          assert.equal(me.messages[0].body, body);
          await done();
        });
      }

      it('keeps namespaces, prefixes and attributes of extensions', { timeout }, async () => {
        const me = await juliet('extensions');
        me.send(me.jid, 'see payload', (message) => {
          message.c('x', { xmlns: 'urn:example:a', note: `<&> "double" 'single'` }).c('y', { xmlns: 'urn:example:b' }).t('é').up().c('z').up().up();
        });
        await me.received(1);
        const x = child(me.messages[0].element, 'x');
        assert.equal(x.namespaceURI, 'urn:example:a');
        assert.equal(x.getAttribute('note'), `<&> "double" 'single'`);
        assert.equal(child(x, 'y').namespaceURI, 'urn:example:b');
        assert.equal(child(x, 'y').textContent, 'é');
        assert.equal(child(x, 'z').namespaceURI, 'urn:example:a');
        await done();
      });

      it('pings the server', { timeout }, async () => {
        const me = await juliet('ping');
        const reply = await me.ping(domain);
        assert.equal(reply.getAttribute('type'), 'result');
        assert.equal(reply.getAttribute('from'), domain);
        await done();
      });

      it('answers twenty pings, one after another, in under six seconds', { timeout }, async () => {
        const me = await juliet('pings');
        const started = performance.now();
        for (let index = 0; index < 20; index += 1) await me.ping(domain);
        const elapsed = performance.now() - started;
        assert.ok(elapsed < 6000, `${Math.round(elapsed)} ms`);
        await done();
      });

      it('returns the error of a stanza that cannot be delivered', { timeout }, async () => {
        const me = await juliet('errors');
        await assert.rejects(me.iq($iq({ type: 'get', to: `${domain}` }).c('query', { xmlns: 'urn:example:unknown' })), /service-unavailable/);
        await done();
      });

      it('keeps the order of two messages sent in one turn', { timeout }, async () => {
        const me = await juliet('pair');
        me.send(me.jid, 'first');
        me.send(me.jid, 'second');
        await me.received(2);
        assert.deepEqual(me.messages.map((message) => message.body), ['first', 'second']);
        await done();
      });

      it('keeps the order of 200 messages in a burst', { timeout }, async () => {
        const one = await juliet('burst');
        const other = await romeo('burst');
        const sent = Array.from({ length: 200 }, (_, index) => `message ${index}`);
        for (const body of sent) one.send(other.jid, body);
        await other.received(200, 25);
        assert.deepEqual(other.messages.map((message) => message.body), sent);
        await done();
      });

      it('keeps both orders of 100 messages each way at once', { timeout }, async () => {
        const one = await juliet('duplex');
        const other = await romeo('duplex');
        const sent = Array.from({ length: 100 }, (_, index) => `message ${index}`);
        for (const body of sent) {
          one.send(other.jid, body);
          other.send(one.jid, body);
          if (Number(body.split(' ')[1]) % 10 === 9) await sleep(20);
        }
        await Promise.all([one.received(100, 25), other.received(100, 25)]);
        assert.deepEqual(one.messages.map((message) => message.body), sent);
        assert.deepEqual(other.messages.map((message) => message.body), sent);
        await done();
      });

      it('tells the other resource that this one left', { timeout }, async () => {
        const stays = await juliet('stays');
        const leaves = await juliet('leaves');
        const leaving = leaves.jid;
        await stays.until('presence', () => stays.presences.find(({ from, type }) => from === leaving && type === null));
        await leaves.disconnect();
        await stays.until('unavailable presence', () => stays.presences.find(({ from, type }) => from === leaving && type === 'unavailable'), 5);
        await done();
      });

      it('connects again after a disconnect', { timeout }, async () => {
        const me = await juliet('again');
        for (let round = 0; round < 3; round += 1) {
          await me.disconnect();
          await sleep(50); // Strophe.js still ends the old socket in a timer of its own
          me.reset();
          await me.connect(`${julietJid}/again`, accounts.juliet);
          me.send(me.jid, `round ${round}`);
          await me.received(1);
          assert.equal(me.messages[0].body, `round ${round}`);
        }
        await done();
      });

      it('refuses a wrong password with not-authorized', { timeout }, async () => {
        const me = client();
        me.start(`${julietJid}/wrong`, 'not the password');
        await me.reached('AUTHFAIL');
        assert.deepEqual(me.failures, ['not-authorized']);
        await done();
      });

      it('refuses an unknown domain with host-unknown', { timeout }, async () => {
        const me = client();
        me.start('juliet@unknown.test/x', 'any');
        const condition = await me.reached('CONNFAIL');
        assert.equal(condition, unknownDomain(transport));
        await done();
      });

      it('signs in anonymously', { timeout }, async () => {
        const me = await client().connect(anonymousDomain);
        assert.match(me.jid, new RegExp(`^[^@/]+@${anonymousDomain}/.+$`));
        me.send(me.jid, 'to myself');
        await me.received(1);
        assert.equal(me.messages[0].body, 'to myself');
        await done();
      });

      it('carries twenty sessions at once', { timeout: 60000 }, async () => {
        const sessions = await Promise.all(Array.from({ length: 20 }, (_, index) => juliet(`ring-${index}`)));
        for (let round = 0; round < 5; round += 1) {
          sessions.forEach((each, index) => each.send(sessions[(index + 1) % 20].jid, `round ${round} from ${index}`));
        }
        await Promise.all(sessions.map((each) => each.received(5, 40)));
        sessions.forEach((each, index) => {
          const before = (index + 19) % 20;
          assert.deepEqual(each.messages.map(({ body }) => body), [0, 1, 2, 3, 4].map((round) => `round ${round} from ${before}`));
          assert.ok(each.messages.every(({ from }) => from === sessions[before].jid));
        });
        await Promise.all(sessions.map((each) => each.disconnect()));
        await done();
      });
    });
  }

  describe(`Strophe.js, bosh, ${name}: what only BOSH has`, () => {
    it('attaches to a session with its sid and rid', { timeout }, async () => {
      const first = await new Client(target().bosh).connect(`${julietJid}/attached`, accounts.juliet);
      await first.ping(domain);
      // As when a page goes away: its requests end unanswered, its next rid is known.
      const { sid, rid } = first.connection._proto;
      for (const request of first.connection._proto._requests.splice(0)) {
        request.abort = true;
        request.xhr.onreadystatechange = () => {};
        request.xhr.abort();
      }
      clearTimeout(first.connection._idleTimeout);
      const second = new Client(target().bosh);
      second.connection.attach(first.jid, sid, rid, (code) => {
        second.statuses.push([code === Strophe.Status.ATTACHED ? 'ATTACHED' : String(code), null]);
      });
      const reply = await second.ping(domain);
      assert.equal(reply.getAttribute('type'), 'result');
      assert.equal(reply.getAttribute('to'), `${julietJid}/attached`);
      second.connection.disconnect('done');
      await sleep(200);
    });
  });

  describe(`Strophe.js, websocket, ${name}: stream management (XEP-0198)`, () => {
    it('enables it, loses the connection and resumes without a lost message', { timeout }, async () => {
      const options = { enableStreamManagement: true };
      const one = await new Client(target().websocket, options).connect(`${julietJid}/resumes`, accounts.juliet);
      const other = await new Client(target().websocket).connect(`${romeoJid}/sends`, accounts.romeo);
      await one.ping(domain);
      const jid = one.jid;
      one.connection._proto.socket.terminate();
      await one.reached('DISCONNECTED');
      other.send(jid, 'while you were away');
      await other.ping(domain);
      one.statuses.length = 0;
      one.start(jid, accounts.juliet);
      await one.reached('CONNECTED');
      await one.received(1);
      assert.equal(one.jid, jid);
      assert.equal(one.messages[0].body, 'while you were away');
      await one.disconnect();
      await other.disconnect();
    });
  });
}
