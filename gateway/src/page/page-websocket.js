// XMPP over WebSocket (RFC 7395): one message is one element; `<open/>` and `<close/>` frame the stream.

const FRAMING = 'urn:ietf:params:xml:ns:xmpp-framing';
const FAREWELL = 5000; // milliseconds for the peer's `<close/>`

/** Both transports call `{opened, element, closed, trace}` of the handlers that they are given. */
export class WebSocketTransport {
  #url;
  #domain;
  #escape;
  #network;
  #handlers;
  #socket = null;
  #state = 'new'; // new, connecting, live, closing, closed
  #reason = null;
  #timer = 0;

  constructor({ url, domain, escape, network, handlers }) {
    this.#url = url;
    this.#domain = domain;
    this.#escape = escape;
    this.#network = network;
    this.#handlers = handlers;
  }

  open() {
    this.#state = 'connecting';
    const socket = this.#network.socket(this.#url, 'xmpp', () => this.#dropped());
    this.#socket = socket;
    if (socket === null) {
      this.#end('The network is cut.', true);
      return;
    }
    socket.addEventListener('open', () => {
      if (this.#state !== 'connecting') return;
      this.#event('connected', `GET ${this.#url}\nUpgrade: websocket\nSec-WebSocket-Protocol: xmpp`);
      this.restart();
    });
    socket.addEventListener('message', (event) => this.#receive(event.data));
    socket.addEventListener('close', (event) => this.#finish(event));
  }

  /** Whether the element was handed to the socket. What then becomes of it, WebSocket does not say. */
  send(xml) {
    if (this.#state === 'closed' || this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#trace('out', xml, new DOMParser().parseFromString(xml, 'text/xml').documentElement);
    this.#socket.send(xml);
    return true;
  }

  /** RFC 7395 §3.7: a restart is a new `<open/>`, without a `<close/>` before it. */
  restart() {
    this.send(`<open xmlns='${FRAMING}' to='${this.#escape(this.#domain)}' version='1.0' xml:lang='en'/>`);
  }

  close() {
    if (this.#state === 'closing' || this.#state === 'closed') return;
    this.#state = 'closing';
    this.send("<presence xmlns='jabber:client' type='unavailable'/>");
    this.send(`<close xmlns='${FRAMING}'/>`);
    this.#timer = setTimeout(() => this.#socket.close(1000), FAREWELL);
    if (this.#socket.readyState !== WebSocket.OPEN) this.#socket.close();
  }

  /** The page goes away: farewell, and no wait for the answer. */
  abandon() {
    if (this.#state !== 'live') return;
    this.close();
    this.#socket.close(1000);
  }

  #receive(data) {
    if (this.#state === 'closed') return;
    if (typeof data !== 'string') {
      this.#fail('The server sent binary data.');
      return;
    }
    const element = new DOMParser().parseFromString(data, 'text/xml').documentElement;
    this.#trace('in', data, element);
    if (element.localName === 'parsererror') {
      this.#fail('The server sent XML that is not well-formed.');
    } else if (element.namespaceURI === FRAMING && element.localName === 'open') {
      if (this.#state === 'connecting') {
        this.#state = 'live';
        this.#handlers.opened();
      }
    } else if (element.namespaceURI === FRAMING && element.localName === 'close') {
      const elsewhere = element.getAttribute('see-other-uri');
      if (elsewhere) this.#reason ??= `The server asks to connect to ${elsewhere}.`;
      // RFC 7395 §3.6: answer a `<close/>` with one, then end the connection.
      if (this.#state !== 'closing') this.send(`<close xmlns='${FRAMING}'/>`);
      this.#state = 'closing';
      this.#socket.close(1000);
    } else {
      this.#handlers.element(element);
    }
  }

  #fail(reason) {
    this.#reason = reason;
    this.#state = 'closing';
    // A page may send no code of the protocol but 1000; 4000 to 4999 are private.
    this.#socket.close(4000);
  }

  #dropped() {
    if (this.#state === 'closed') return;
    const asked = this.#state === 'closing';
    this.#event('dropped', 'The page dropped the socket: the stream has no end tag, no <close/> was sent or received.');
    this.#end(asked ? null : 'The connection was dropped.', !asked);
  }

  #finish(event) {
    if (this.#state === 'closed') return;
    const clean = this.#state === 'closing';
    const how = event.wasClean ? 'with a closing handshake' : 'without a closing handshake';
    this.#event(`code ${event.code}`, `The connection ended ${how}, code ${event.code}${event.reason ? ` (${event.reason})` : ''}.`);
    this.#end(this.#reason ?? (clean ? null : `The connection ended (code ${event.code}).`), !clean && this.#reason === null);
  }

  #end(reason, lost) {
    this.#state = 'closed';
    clearTimeout(this.#timer);
    this.#handlers.closed(reason, lost);
  }

  #trace(way, xml, element) {
    const bytes = new TextEncoder().encode(xml).length;
    this.#handlers.trace({ kind: 'frame', way, label: label(element), text: xml, bytes, time: performance.now() });
  }

  // What the socket itself does: no frame of ours, so without bytes.
  #event(label, text) {
    this.#handlers.trace({ kind: 'frame', way: 'socket', label, text, bytes: 0, time: performance.now() });
  }
}

function label(element) {
  if (element.namespaceURI === FRAMING) return element.localName;
  return element.namespaceURI === 'jabber:client' ? `stanza: ${element.localName}` : element.localName;
}
