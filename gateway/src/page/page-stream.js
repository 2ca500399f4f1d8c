// One XMPP client stream (RFC 6120, RFC 6121) over either transport: SASL, bind, roster, presence, messages.
//
// Handlers: ready(address), message({from, text, failed}), presence({from, available}), roster([address]), ended(reason, lost),
// where `lost` says that the network or the session was lost and that a new attempt makes sense.

const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
const BIND = 'urn:ietf:params:xml:ns:xmpp-bind';
const SESSION = 'urn:ietf:params:xml:ns:xmpp-session';
const ROSTER = 'jabber:iq:roster';
const PING = 'urn:xmpp:ping';
const STANZAS = 'urn:ietf:params:xml:ns:xmpp-stanzas';
const STREAMS = 'http://etherx.jabber.org/streams';

export class Stream {
  #transport;
  #domain;
  #account; // { name, password }, or null for SASL ANONYMOUS
  #handlers;
  #authenticated = false;
  #reason = null;
  #pending = new Map();
  #nextId = 1;
  address = null;

  constructor({ Transport, url, domain, account, network, handlers, trace }) {
    this.#domain = domain;
    this.#account = account;
    this.#handlers = handlers;
    this.#transport = new Transport({
      url,
      domain,
      escape,
      network,
      handlers: {
        opened: () => {},
        element: (element) => this.#element(element),
        closed: (reason, lost) => this.#handlers.ended(this.#reason ?? reason, lost && this.#reason === null),
        trace,
      },
    });
  }

  get window() {
    return this.#transport.window;
  }

  open() {
    this.#transport.open();
  }

  close() {
    this.#transport.close();
  }

  abandon() {
    this.#transport.abandon();
  }

  /** Whether the transport took it. */
  message(to, text) {
    const id = this.#id();
    return this.#transport.send(`<message xmlns='jabber:client' to='${escape(to)}' type='chat' id='${id}'><body>${escape(text)}</body></message>`);
  }

  #element(element) {
    if (element.namespaceURI === STREAMS && element.localName === 'features') this.#features(element);
    else if (element.namespaceURI === STREAMS && element.localName === 'error') this.#fail(`Stream error: ${condition(element)}.`);
    else if (element.namespaceURI === SASL) this.#sasl(element);
    else if (element.localName === 'iq') this.#iq(element);
    else if (element.localName === 'message') this.#message(element);
    else if (element.localName === 'presence') this.#presence(element);
  }

  #features(features) {
    if (!this.#authenticated) {
      this.#authenticate(features);
      return;
    }
    if (child(features, 'bind', BIND) === null) {
      this.#fail('The server offers no resource binding.');
      return;
    }
    const session = child(features, 'session', SESSION);
    const needsSession = session !== null && child(session, 'optional') === null;
    this.#request('set', `<bind xmlns='${BIND}'/>`, (reply) => {
      this.address = child(child(reply, 'bind', BIND), 'jid')?.textContent ?? '';
      if (needsSession) this.#request('set', `<session xmlns='${SESSION}'/>`, () => this.#bound());
      else this.#bound();
    });
  }

  #authenticate(features) {
    const offered = [...(child(features, 'mechanisms', SASL)?.children ?? [])].map((mechanism) => mechanism.textContent);
    const wanted = this.#account === null ? 'ANONYMOUS' : 'PLAIN';
    if (!offered.includes(wanted)) {
      this.#fail(`The server does not offer ${wanted} here (it offers: ${offered.join(', ') || 'nothing'}).`);
      return;
    }
    const response = this.#account === null ? '' : base64(`\0${this.#account.name}\0${this.#account.password}`);
    this.#transport.send(`<auth xmlns='${SASL}' mechanism='${wanted}'>${response}</auth>`);
  }

  #sasl(element) {
    if (element.localName === 'success') {
      this.#authenticated = true;
      this.#transport.restart();
    } else if (element.localName === 'failure') {
      this.#fail(`Sign-in refused: ${condition(element)}.`);
    }
  }

  #bound() {
    this.#handlers.ready(this.address);
    this.#request('get', `<query xmlns='${ROSTER}'/>`, (reply) => {
      const items = [...(child(reply, 'query', ROSTER)?.children ?? [])];
      this.#handlers.roster(items.map((item) => item.getAttribute('jid')).filter((address) => address));
    }, () => {});
    this.#transport.send("<presence xmlns='jabber:client'/>");
  }

  #iq(iq) {
    const type = iq.getAttribute('type');
    const id = iq.getAttribute('id') ?? '';
    if (type === 'result' || type === 'error') {
      const request = this.#pending.get(id);
      this.#pending.delete(id);
      if (type === 'result') request?.done(iq);
      else request?.refused(iq);
      return;
    }
    const from = iq.getAttribute('from');
    const to = from === null ? '' : ` to='${escape(from)}'`;
    const answer = child(iq, 'ping', PING) !== null
      ? `<iq xmlns='jabber:client'${to} id='${escape(id)}' type='result'/>`
      // RFC 6120 §8.2.3: every request is answered.
      : `<iq xmlns='jabber:client'${to} id='${escape(id)}' type='error'><error type='cancel'>`
        + `<service-unavailable xmlns='${STANZAS}'/></error></iq>`;
    this.#transport.send(answer);
  }

  #message(message) {
    const from = message.getAttribute('from') ?? this.#domain;
    if (message.getAttribute('type') === 'error') {
      const error = child(message, 'error');
      this.#handlers.message({ from, text: `Not delivered: ${error === null ? 'unknown error' : condition(error)}`, failed: true });
      return;
    }
    const body = child(message, 'body');
    if (body !== null) this.#handlers.message({ from, text: body.textContent, failed: false });
  }

  #presence(presence) {
    const from = presence.getAttribute('from');
    const type = presence.getAttribute('type');
    if (from === null || (type !== null && type !== 'unavailable')) return;
    this.#handlers.presence({ from, available: type === null });
  }

  #request(type, payload, done, refused = (reply) => this.#fail(`Request refused: ${condition(child(reply, 'error') ?? reply)}.`)) {
    const id = this.#id();
    this.#pending.set(id, { done, refused });
    this.#transport.send(`<iq xmlns='jabber:client' type='${type}' id='${id}'>${payload}</iq>`);
  }

  #id() {
    const id = `p${this.#nextId}`;
    this.#nextId += 1;
    return id;
  }

  #fail(reason) {
    this.#reason ??= reason;
    this.#transport.close();
  }
}

/** The part of an address before its resource. */
export function bare(address) {
  const slash = address.indexOf('/');
  return slash < 0 ? address : address.slice(0, slash);
}

/** Text as XML character data or attribute value; characters that XML 1.0 forbids are left out. */
export function escape(text) {
  return text
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '')
    .replace(/[&<>"']/g, (character) => ENTITIES[character]);
}

const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' };

function child(element, name, namespace) {
  for (const candidate of element?.children ?? []) {
    if (candidate.localName === name && (namespace === undefined || candidate.namespaceURI === namespace)) return candidate;
  }
  return null;
}

// The first child that is no text is the defined condition (RFC 6120 §4.9.2, §6.5, §8.3.2).
function condition(error) {
  for (const candidate of error.children) {
    if (candidate.localName !== 'text') {
      const text = child(error, 'text')?.textContent;
      return text ? `${candidate.localName} (${text})` : candidate.localName;
    }
  }
  return 'undefined-condition';
}

function base64(text) {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}
