// stanza.js by BOSH and by WebSocket: Prosody and the demonstration domain behind the gateway.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { BODIES } from '../lib/bodies.js';
import { startCut } from '../lib/cut.js';
import { startGateway } from '../lib/gateway.js';
import { ACCOUNTS, DOMAIN } from '../lib/prosody.js';
import { direct, startProsodyTarget } from '../lib/prosody-target.js';
import { Client } from '../lib/stanzajs.js';
import { until } from '../lib/until.js';

const timeout = 30000;
const places = [
  { name: 'Prosody', domain: DOMAIN, password: (name) => ACCOUNTS[name], start: startProsodyTarget, prosody: true },
  { name: 'demonstration domain', domain: 'localhost', password: () => 'any', start: startGateway, prosody: false },
];

for (const { name, domain, password, start, prosody } of direct ? places.slice(0, 1) : places) {
  describe(`stanza.js, ${name}`, () => {
    let target;
    let network;
    before(async () => {
      target = await start();
      network = await startCut(new URL(target.websocket).port);
    });
    after(async () => {
      await network?.end();
      await target?.end();
    });

    for (const transport of ['bosh', 'websocket']) {
      describe(transport, () => {
        const open = [];
        const client = (user, { resource = 'stanza', secret = password(user), url = network.through(target[transport]), ...config } = {}) => {
          const made = new Client(transport, url, `${user}@${domain}`, secret, { resource, ...config });
          open.push(made);
          return made;
        };
        // By BOSH, stanza.js takes answers in the order in which its connections deliver them, not in the order of their requests.
        const arrived = ({ bodies }) => (transport === 'bosh' ? bodies.toSorted() : bodies);
        const done = async () => {
          for (const each of open.splice(0)) await each.disconnect();
        };

        it('signs in, binds, gets the roster, pings and closes', { timeout }, async () => {
          const me = await client('juliet').connect();
          assert.equal(me.jid, `juliet@${domain}/stanza`);
          assert.ok(Array.isArray((await me.stanza.getRoster()).items));
          await me.stanza.ping(domain);
          await me.disconnect();
          assert.equal(me.count('stream:error'), 0);
          assert.equal(me.count('stream:end'), 1);
        });

        it('carries every body intact', { timeout }, async () => {
          const me = await client('juliet').connect();
          for (const [index, body] of Object.values(BODIES).entries()) {
            me.send(me.jid, body);
            await me.received(index + 1);
          }
          assert.deepEqual(me.bodies, Object.values(BODIES));
          await done();
        });

        it('carries 20 messages each way at once', { timeout }, async () => {
          const one = await client('juliet').connect();
          const other = await client('romeo').connect();
          const sent = Array.from({ length: 20 }, (_, index) => `message ${index + 10}`);
          for (const body of sent) {
            one.send(other.jid, body);
            other.send(one.jid, body);
          }
          await one.received(20);
          await other.received(20);
          assert.deepEqual(arrived(one), sent);
          assert.deepEqual(arrived(other), sent);
          await done();
        });

        it('tells the other resource that this one left', { timeout }, async () => {
          const stays = await client('juliet', { resource: 'stays' }).connect();
          const leaves = await client('juliet', { resource: 'leaves' }).connect();
          const leaving = leaves.jid;
          await until('presence', () => stays.presences.find(({ from, type }) => from === leaving && type === null));
          await leaves.disconnect();
          await until('unavailable presence', () => stays.presences.find(({ from, type }) => from === leaving && type === 'unavailable'), 5);
          await done();
        });

        it('refuses a wrong password', { timeout, skip: !prosody }, async () => {
          const me = client('juliet', { secret: 'not the password' });
          me.stanza.connect();
          await until('auth:failed', () => me.count('auth:failed') > 0);
          me.stanza.disconnect();
          open.length = 0;
        });

        it('loses its connections in the middle of messages both ways, and no message', { timeout, skip: transport === 'websocket' && !prosody }, async () => {
          const resumes = transport === 'websocket';
          const one = await client('juliet', { autoReconnect: resumes, useStreamManagement: resumes }).connect();
          // Past the proxy: this one is not cut.
          const other = await client('romeo', { url: target[transport] }).connect();
          if (resumes) await until('stream management', () => one.stanza.sm.id !== undefined);
          const jid = one.jid;
          const sent = Array.from({ length: 30 }, (_, index) => `message ${index + 10}`);
          for (const [index, body] of sent.entries()) {
            other.send(jid, body);
            one.send(other.jid, body);
            if (index === 10) {
              await until('one that arrived', () => one.messages.length > 0 && other.messages.length > 0);
              network.cut();
              if (resumes) {
                // stanza.js fails what is sent without a connection.
                await until('end', () => one.count('disconnected') === 1 || one.count('--transport-disconnected') === 1);
                for (const away of ['message 50', 'message 51']) other.send(jid, away);
                await until('resumption', () => one.count('stream:management:resumed') === 1);
              }
            }
          }
          await until(() => `30 messages each way but ${one.messages.length} and ${other.messages.length}; ${JSON.stringify(one.events)}`, () => one.messages.length >= (resumes ? 32 : 30) && other.messages.length >= 30);
          const expected = resumes ? sent.toSpliced(11, 0, 'message 50', 'message 51') : sent;
          assert.deepEqual(arrived(one), expected);
          assert.deepEqual(arrived(other), sent);
          assert.equal(one.jid, jid);
          await done();
        });
      });
    }
  });
}
