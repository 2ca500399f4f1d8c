// Clients that say and hear bytes: by TCP at a server itself, by WebSocket and by BOSH at the gateway. Each keeps what it heard as first-level
// elements.

import { connect } from 'node:net';
import { WebSocket } from 'ws';
import { until } from './until.js';

const TOKEN = /<!\[CDATA\[[^]*?\]\]>|<\?[^>]*\?>|<(\/?)([^\s>/]+)(?:"[^"]*"|'[^']*'|[^>"'])*>/g;

/** The children of the root, or what stands beside it, by tags alone; what is cut short is left. */
function split(text, depth) {
  const found = [];
  let [open, start, end] = [0, 0, 0];
  for (const token of text.matchAll(TOKEN)) {
    if (token[2] === undefined) continue;
    const empty = token[0].endsWith('/>');
    if (open === depth && token[1] === '') start = token.index;
    if (token[1] === '/') open -= 1;
    else if (!empty) open += 1;
    if (open === depth && (token[1] === '/' || empty)) {
      end = token.index + token[0].length;
      found.push(text.slice(start, end));
    }
  }
  return [found, end];
}

class Raw {
  heard = [];
  /** Stanzas behind `<enabled/>` (XEP-0198). */
  counted = null;
  ended = null;

  take(elements) {
    for (const element of elements) {
      if (this.counted !== null && /^<(message|presence|iq)[\s>/]/.test(element)) this.counted += 1;
      if (/^<enabled\s/.test(element)) this.counted = 0;
      if (/^<r\s/.test(element)) this.say(`<a xmlns='urn:xmpp:sm:3' h='${this.counted}'/>`);
      else this.heard.push(element);
    }
  }

  async hears(what, seconds = 20) {
    const found = () => this.heard.find((element) => (typeof what === 'string' ? element.includes(what) : what(element)));
    return until(() => `${what}; ended: ${this.ended}; last: ${this.heard.at(-1)?.slice(0, 300)}`, () => this.ended ?? found(), seconds);
  }

  async signIn(name, password, resource) {
    await this.hears('mechanism');
    const secret = Buffer.from(`\0${name}\0${password}`).toString('base64');
    this.say(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${secret}</auth>`);
    await this.hears('<success');
    this.restart();
    await this.hears('urn:ietf:params:xml:ns:xmpp-bind');
    this.heard = [];
    this.say(`<iq xmlns='jabber:client' type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind></iq>`);
    const bound = await this.hears('</jid>');
    [, this.jid] = bound.match(/<jid>([^<]*)</);
    return this;
  }

  /** The ids of what was heard that the generator made. */
  ids() {
    return this.heard.map((element) => element.match(/^<[^>]*?\sid=['"](g\d+)['"]/)?.[1]).filter((id) => id !== undefined);
  }
}

export class TcpClient extends Raw {
  constructor(port, domain) {
    super();
    this.domain = domain;
    this.rest = '';
    this.fresh = true;
    this.socket = connect({ port, host: '127.0.0.1' });
    this.socket.setEncoding('utf8');
    this.socket.on('data', (text) => this.#read(text));
    this.socket.on('close', () => { this.ended ??= 'connection closed'; });
    this.socket.on('error', (error) => { this.ended ??= String(error); });
    this.restart();
  }

  restart() {
    this.fresh = true;
    this.rest = '';
    this.say(`<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='${this.domain}' version='1.0'>`);
  }

  say(text) {
    return this.socket.write(text);
  }

  /** Waits until what was said has left. */
  async flushed() {
    if (this.socket.writableNeedDrain) await new Promise((resolve) => { this.socket.once('drain', resolve); this.socket.once('close', resolve); });
  }

  #read(text) {
    this.rest += text;
    if (this.fresh) {
      const header = this.rest.match(/^\s*(<\?[^>]*\?>)?\s*<stream:stream[^>]*>/);
      if (header === null) return;
      this.fresh = false;
      this.rest = this.rest.slice(header[0].length);
    }
    const [found, end] = split(this.rest, 0);
    this.rest = this.rest.slice(end);
    if (/^\s*<\/stream:stream/.test(this.rest)) this.ended ??= `end tag behind ${found.at(-1)}`;
    this.take(found);
  }

  end() {
    this.socket.destroy();
  }
}

export class WebSocketClient extends Raw {
  constructor({ websocket }, domain) {
    super();
    this.domain = domain;
    this.socket = new WebSocket(websocket, 'xmpp');
    this.socket.on('open', () => this.restart());
    this.socket.on('message', (data) => {
      const text = data.toString();
      if (text.startsWith('<close')) this.ended ??= `<close/> behind ${this.heard.at(-1)}`;
      this.take([text]);
    });
    this.socket.on('close', (code) => { this.ended ??= `closed with ${code} behind ${this.heard.at(-1)?.slice(0, 300)}`; });
    this.socket.on('error', (error) => { this.ended ??= String(error); });
  }

  restart() {
    this.say(`<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='${this.domain}' version='1.0'/>`);
  }

  say(text) {
    this.socket.send(text);
  }

  end() {
    this.socket.terminate();
  }
}

export class BoshClient extends Raw {
  #queue = [];
  #open = 0;
  #rid = 1000;
  #attributes = '';

  constructor({ bosh }, domain) {
    super();
    this.url = bosh;
    this.domain = domain;
    this.#post(`to='${domain}' wait='20' hold='1' ver='1.6' xmpp:version='1.0'`, '');
  }

  restart() {
    this.#attributes = "xmpp:restart='true'";
    this.say('');
  }

  say(text) {
    this.#queue.push(text);
    if (this.#open === 0) this.#go();
    // What waits rides on the next poll, where one comes soon: two requests at once are for a quiet stream.
    else setTimeout(() => this.#go(), 100);
  }

  end() {
    this.ended ??= 'by us';
  }

  #go() {
    if (this.ended !== null || this.sid === undefined || this.#open > 1) return;
    if (this.#queue.length === 0 && this.#open > 0) return;
    const attributes = `sid='${this.sid}' ${this.#attributes}`;
    this.#attributes = '';
    this.#post(attributes, this.#queue.splice(0).join(''));
  }

  async #post(attributes, inside) {
    this.#rid += 1;
    this.#open += 1;
    const rid = this.#rid;
    const body = `<body xmlns='http://jabber.org/protocol/httpbind' xmlns:xmpp='urn:xmpp:xbosh' rid='${rid}' ${attributes}>${inside}</body>`;
    try {
      const answer = await fetch(this.url, { method: 'POST', headers: { 'Content-Type': 'text/xml; charset=utf-8' }, body });
      const text = await answer.text();
      // One after the other, as they were asked for.
      await until('the answer before', () => rid === (this.read ?? 1000) + 1);
      this.read = rid;
      this.sid ??= text.match(/\ssid=['"]([^'"]*)/)?.[1];
      if (/^<body[^>]*terminate/.test(text)) this.ended ??= `${text.slice(0, 300)} behind ${this.heard.at(-1)?.slice(0, 300)}`;
      this.take(split(text, 1)[0]);
    } catch (error) {
      this.ended ??= String(error);
    }
    this.#open -= 1;
    this.#go();
  }
}
