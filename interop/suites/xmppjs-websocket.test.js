// xmpp.js by WebSocket: Prosody, ejabberd and the demonstration domain behind the gateway.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { BODIES } from '../lib/bodies.js';
import { startCut } from '../lib/cut.js';
import * as ejabberd from '../lib/ejabberd.js';
import { startGateway } from '../lib/gateway.js';
import { ACCOUNTS, DOMAIN } from '../lib/prosody.js';
import { direct, startProsodyTarget } from '../lib/prosody-target.js';
import { until } from '../lib/until.js';
import { Client } from '../lib/xmppjs.js';

const timeout = 30000;
const places = [
  { name: 'Prosody', domain: DOMAIN, password: (name) => ACCOUNTS[name], start: startProsodyTarget, resumes: true },
  { name: 'ejabberd', domain: ejabberd.DOMAIN, password: (name) => ACCOUNTS[name], start: ejabberd.startEjabberdTarget, resumes: true },
  { name: 'demonstration domain', domain: 'localhost', password: () => 'any', start: startGateway, resumes: false },
];

for (const { name, domain, password, start, resumes } of direct ? places.slice(0, 1) : places) {
  describe(`xmpp.js, websocket, ${name}`, () => {
    let target;
    let network;
    before(async () => {
      target = await start();
      network = await startCut(new URL(target.websocket).port);
    }, { timeout: 120000 });
    after(async () => {
      await network?.end();
      await target?.end();
    });

    const open = [];
    const client = (user, resource, secret = password(user)) => {
      const made = new Client(network.through(target.websocket), domain, user, secret, resource);
      open.push(made);
      return made;
    };
    const done = async () => {
      for (const each of open.splice(0)) await each.disconnect();
    };

    it('signs in, binds, gets the roster, pings and closes', { timeout }, async () => {
      const me = await client('juliet', 'balcony').connect();
      assert.equal(me.jid, `juliet@${domain}/balcony`);
      assert.equal((await me.roster()).getChild('query').attrs.xmlns, 'jabber:iq:roster');
      assert.equal((await me.ping()).attrs.type, 'result');
      await me.disconnect();
      assert.deepEqual(me.statuses.slice(-3), ['disconnecting', 'disconnect', 'offline']);
      assert.deepEqual(me.errors, []);
    });

    for (const [what, body] of Object.entries(BODIES)) {
      it(`carries ${what} intact`, { timeout }, async () => {
        const me = await client('juliet', 'bodies').connect();
        await me.send(me.jid, body);
        await me.received(1);
        assert.equal(me.messages[0].body, body);
        assert.equal(me.messages[0].from, me.jid);
        await done();
      });
    }

    it('keeps both orders of 100 messages each way at once', { timeout }, async () => {
      const one = await client('juliet', 'duplex').connect();
      const other = await client('romeo', 'duplex').connect();
      const sent = Array.from({ length: 100 }, (_, index) => `message ${index}`);
      for (const body of sent) {
        one.send(other.jid, body);
        other.send(one.jid, body);
      }
      await one.received(100);
      await other.received(100);
      assert.deepEqual(one.bodies, sent);
      assert.deepEqual(other.bodies, sent);
      await done();
    });

    it('tells the other resource that this one left', { timeout }, async () => {
      const stays = await client('juliet', 'stays').connect();
      const leaves = await client('juliet', 'leaves').connect();
      const leaving = leaves.jid;
      await until('presence', () => stays.presences.find(({ from, type }) => from === leaving && type === null));
      await leaves.disconnect();
      await until('unavailable presence', () => stays.presences.find(({ from, type }) => from === leaving && type === 'unavailable'), 5);
      await done();
    });

    it('connects again by itself after the network was lost', { timeout }, async () => {
      const me = await client('juliet', 'returns').connect();
      network.lose();
      await until('disconnect', () => me.statuses.includes('disconnect'));
      me.statuses.length = 0;
      await until('an attempt that fails', () => me.statuses.includes('disconnect'));
      network.restore();
      await until('online', () => me.statuses.includes('online') || me.resumptions > 0);
      await me.send(me.jid, 'back again');
      await me.received(1);
      assert.equal(me.messages[0].body, 'back again');
      await done();
    });

    it('refuses a wrong password', { timeout, skip: !resumes }, async () => {
      const me = client('juliet', 'wrong', 'not the password');
      await assert.rejects(me.connect(), (error) => error.condition === 'not-authorized');
      await done();
    });

    it('resumes a stream that was cut in the middle of messages both ways; nothing is lost', { timeout, skip: !resumes }, async () => {
      const one = await client('juliet', 'resumes').connect();
      // Past the proxy: this one is not cut.
      const other = new Client(target.websocket, domain, 'romeo', password('romeo'), 'sends');
      open.push(other);
      await other.connect();
      await until('stream management', () => one.xmpp.streamManagement.enabled && one.xmpp.streamManagement.id !== '');
      const sent = Array.from({ length: 60 }, (_, index) => `message ${index}`);
      for (const [index, body] of sent.entries()) {
        other.send(one.jid, body);
        one.send(other.jid, body).catch(() => {});
        if (index === 20) network.cut();
        if (index === 40) await until('resumption', () => one.resumptions === 1);
      }
      await one.received(60);
      await other.received(60);
      assert.deepEqual(one.bodies, sent);
      assert.deepEqual(other.bodies, sent);
      assert.equal(one.failed, 0);
      assert.equal(one.resumptions, 1);
      await done();
    });
  });
}
