// Strophe.js with promises: one Client is one session, with what it received.

import { XMLHttpRequest } from './xhr.js';

globalThis.XMLHttpRequest = XMLHttpRequest;
export const { Strophe, $build, $iq, $msg, $pres } = await import('strophe.js');
Strophe.setLogLevel(Strophe.LogLevel.FATAL);

const names = Object.fromEntries(Object.entries(Strophe.Status).map(([name, code]) => [code, name]));

export class Client {
  statuses = []; // [name, condition] in order
  messages = []; // { from, body, element }
  presences = []; // { from, type }
  failures = []; // conditions of SASL failures
  #waiting = new Set();

  constructor(url, options = {}) {
    this.url = url;
    this.connection = new Strophe.Connection(url, options);
    // Strophe.js does not pass the condition on.
    this.connection.xmlInput = (input) => {
      for (const element of [input, ...children(input)]) {
        if (element.localName === 'failure') this.failures.push(children(element)[0]?.localName ?? null);
      }
    };
  }

  get jid() {
    return this.connection.jid;
  }

  /** Starts to connect; `reached` waits for what comes of it. */
  start(jid, password = '') {
    this.connection.connect(jid, password, (code, condition) => {
      if (code === Strophe.Status.CONNECTED) this.#listen();
      this.statuses.push([names[code], condition ?? null]);
      this.#changed();
    });
  }

  async connect(jid, password) {
    this.start(jid, password);
    await this.reached('CONNECTED');
    this.connection.send($pres());
    this.connection.flush();
    return this;
  }

  /** The condition that came with a status; a terminal status other than the wanted one is an error. */
  async reached(wanted, seconds = 15) {
    const terminal = ['CONNFAIL', 'AUTHFAIL', 'CONNTIMEOUT', 'DISCONNECTED', 'ERROR'];
    const found = await this.until(`status ${wanted}`, () => {
      const match = this.statuses.find(([name]) => name === wanted);
      if (match !== undefined) return match;
      const last = this.statuses.at(-1);
      if (last !== undefined && last[0] === 'DISCONNECTED' && terminal.includes(last[0])) {
        throw new Error(`ended before ${wanted}: ${JSON.stringify(this.statuses)}`);
      }
      return undefined;
    }, seconds);
    return found[1];
  }

  /** Waits until `condition` gives something other than undefined; it is asked after each event. */
  until(what, condition, seconds = 15) {
    return new Promise((resolve, reject) => {
      const ask = () => {
        try {
          const answer = condition();
          if (answer === undefined) return;
          end();
          resolve(answer);
        } catch (error) {
          end();
          reject(error);
        }
      };
      const end = () => {
        clearTimeout(timer);
        this.#waiting.delete(ask);
      };
      const timer = setTimeout(() => {
        end();
        reject(new Error(`no ${what} in ${seconds} s; statuses ${JSON.stringify(this.statuses)}, ${this.messages.length} messages`));
      }, seconds * 1000);
      this.#waiting.add(ask);
      ask();
    });
  }

  received(count, seconds = 15) {
    return this.until(`${count} messages`, () => (this.messages.length >= count ? this.messages : undefined), seconds);
  }

  /** Queues without flushing: what is sent in one turn may share a request. */
  send(to, body, children = null) {
    const message = $msg({ to, type: 'chat' }).c('body').t(body).up();
    children?.(message);
    this.connection.send(message);
  }

  iq(stanza, seconds = 10) {
    return new Promise((resolve, reject) => {
      this.connection.sendIQ(stanza, resolve, (error) => {
        reject(new Error(error === null ? `no answer in ${seconds} s` : Strophe.serialize(error)));
      }, seconds * 1000);
      this.connection.flush();
    });
  }

  ping(to) {
    return this.iq($iq({ type: 'get', to }).c('ping', { xmlns: 'urn:xmpp:ping' }));
  }

  async disconnect() {
    if (this.statuses.at(-1)?.[0] === 'DISCONNECTED') return;
    this.connection.disconnect('done');
    await this.until('DISCONNECTED', () => (this.statuses.at(-1)?.[0] === 'DISCONNECTED' ? true : undefined), 10);
  }

  /** Forgets what it received, to connect again with the same Strophe connection. */
  reset() {
    this.connection.reset();
    this.statuses = [];
    this.messages = [];
    this.presences = [];
    this.failures = [];
  }

  #listen() {
    const { connection } = this;
    connection.addHandler((element) => {
      const body = child(element, 'body');
      if (body !== null) {
        this.messages.push({ from: element.getAttribute('from'), body: body.textContent, element });
        this.#changed();
      }
      return true;
    }, null, 'message');
    connection.addHandler((element) => {
      this.presences.push({ from: element.getAttribute('from'), type: element.getAttribute('type') });
      this.#changed();
      return true;
    }, null, 'presence');
  }

  #changed() {
    for (const ask of [...this.#waiting]) ask();
  }
}

export function children(element) {
  return Array.from(element.childNodes ?? []).filter((node) => node.nodeType === 1);
}

export function child(element, name) {
  return children(element).find((node) => node.localName === name) ?? null;
}
