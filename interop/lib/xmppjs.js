// xmpp.js with what it received: one Client is one session.

import { WebSocket } from 'ws';
import { until } from './until.js';

// Node.js has a WebSocket of its own only from version 22 on.
globalThis.WebSocket ??= WebSocket;
const { client, xml } = await import('@xmpp/client');
export { xml };

export class Client {
  messages = []; // { from, body, element }
  presences = []; // { from, type }
  statuses = [];
  errors = [];
  resumptions = 0;
  acknowledged = 0;
  failed = 0;

  constructor(service, domain, username, password, resource) {
    this.domain = domain;
    this.xmpp = client({ service, domain, username, password, resource });
    this.xmpp.reconnect.delay = 100;
    this.xmpp.on('error', (error) => this.errors.push(error));
    this.xmpp.on('status', (status) => this.statuses.push(status));
    this.xmpp.on('element', (element) => this.#received(element));
    this.xmpp.streamManagement.on('resumed', () => { this.resumptions += 1; });
    this.xmpp.streamManagement.on('ack', () => { this.acknowledged += 1; });
    this.xmpp.streamManagement.on('fail', () => { this.failed += 1; });
  }

  get jid() {
    return this.xmpp.jid.toString();
  }

  async connect() {
    let managed = false;
    this.xmpp.on('element', (element) => { managed ||= element.getChild('sm', 'urn:xmpp:sm:3') !== undefined; });
    await this.xmpp.start();
    // xmpp.js is online before <enabled/> has come, and counts what comes earlier: its acknowledgement is then too high.
    if (managed) await until('stream management', () => this.xmpp.streamManagement.enabled);
    await this.xmpp.send(xml('presence'));
    return this;
  }

  send(to, body) {
    return this.xmpp.send(xml('message', { type: 'chat', to }, xml('body', {}, body)));
  }

  ping() {
    return this.xmpp.iqCaller.request(xml('iq', { type: 'get', to: this.domain }, xml('ping', 'urn:xmpp:ping')), 10000);
  }

  roster() {
    return this.xmpp.iqCaller.request(xml('iq', { type: 'get' }, xml('query', 'jabber:iq:roster')), 10000);
  }

  received(count, seconds = 15) {
    return until(() => `${count} messages but ${this.messages.length}`, () => this.messages.length >= count, seconds);
  }

  get bodies() {
    return this.messages.map(({ body }) => body);
  }

  async disconnect() {
    this.xmpp.reconnect.stop();
    if (this.xmpp.status !== 'offline') await this.xmpp.stop();
  }

  #received(element) {
    const { from, type = null } = element.attrs;
    if (element.is('presence')) this.presences.push({ from, type });
    const body = element.is('message') ? element.getChildText('body') : null;
    if (body !== null) this.messages.push({ from, body, element });
  }
}
