// stanza.js with what it received: one Client is one session.

import { until } from './until.js';

const { createClient } = (await import('stanza')).default;

export class Client {
  messages = []; // { from, body }
  presences = []; // { from, type }
  errors = [];
  events = []; // names of what became of the connection, in order

  constructor(transport, url, jid, password, config = {}) {
    const transports = { bosh: false, websocket: false, [transport]: url };
    this.stanza = createClient({ jid, password, transports, autoReconnect: false, useStreamManagement: false, ...config });
    // Stanzas in the body that ends a BOSH session are an error to stanza.js; without a listener it would end the process.
    this.stanza.on('session:end', () => this.stanza.transport?.on('error', (error) => this.errors.push(error)));
    for (const name of ['connected', 'disconnected', 'auth:success', 'auth:failed', 'session:started', 'session:end',
      'stream:end', 'stream:error', 'stream:management:resumed', '--transport-disconnected', 'bosh:terminate']) {
      this.stanza.on(name, (data) => this.events.push([name, data?.condition ?? null]));
    }
    this.stanza.on('message', ({ from, body }) => {
      if (body !== undefined) this.messages.push({ from, body });
    });
    const presence = ({ from, type = null }) => this.presences.push({ from, type });
    this.stanza.on('available', presence);
    this.stanza.on('unavailable', presence);
  }

  get jid() {
    return this.stanza.jid;
  }

  get bodies() {
    return this.messages.map(({ body }) => body);
  }

  count(event) {
    return this.events.filter(([name]) => name === event).length;
  }

  async connect() {
    this.stanza.connect();
    await until(() => `session; ${JSON.stringify(this.events)}`, () => this.count('session:started') > 0);
    this.stanza.sendPresence();
    return this;
  }

  send(to, body) {
    return this.stanza.sendMessage({ type: 'chat', to, body });
  }

  received(count, seconds = 15) {
    return until(() => `${count} messages but ${this.messages.length}`, () => this.messages.length >= count, seconds);
  }

  async disconnect() {
    this.stanza.updateConfig({ autoReconnect: false });
    if (this.count('session:started') === 0 || this.events.at(-1)[0] === 'disconnected') return;
    this.stanza.disconnect();
    // By BOSH, stanza.js says no more than this where the last body carried stanzas.
    await until(() => `end; ${JSON.stringify(this.events)}`, () => this.count('stream:end') + this.count('--transport-disconnected') > 0, 10);
  }
}
