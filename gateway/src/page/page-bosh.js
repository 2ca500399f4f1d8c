// A BOSH client (XEP-0124, XEP-0206): a window of two requests, one of which the server holds.
//
// Rules: every request has the next rid; answers are taken in the order of their rids, whatever order they arrive in;
// after a network error the identical bytes are sent again; one request is always open while the session lives.

const HTTPBIND = 'http://jabber.org/protocol/httpbind';
const XBOSH = 'urn:xmpp:xbosh';
const XML = { 'Content-Type': 'text/xml; charset=utf-8' };

const WAIT = 50; // seconds, below the 60 that proxies commonly allow
const HOLD = 1;
const HELD = 400; // milliseconds after which a request without an answer is taken for held
const GRACE = 10; // seconds beyond `wait` before an exchange counts as lost
const SLACK = 20; // milliseconds after a cut, since timers may be early
const RETRY_FIRST = 250; // milliseconds, doubled with each attempt
const RETRY_MOST = 8000;
const LINGER = 1000; // milliseconds that a terminate waits for earlier answers
const FAREWELL = 2000; // milliseconds for the whole of our own terminate: some servers never answer it

/** Both transports call `{opened, element, closed, trace}` of the handlers that they are given. */
export class Bosh {
  #url;
  #domain;
  #escape;
  #network;
  #handlers;
  #rid;
  #sid = null;
  #wait = WAIT;
  #requests = HOLD + 1;
  #inactivity = 60;
  #acks = false; // whether the server acknowledges requests (XEP-0124 §9)
  #taken = null; // the highest rid whose answer, and all before it, was taken
  #acknowledged = null; // the highest rid that the server said it has
  #pollAfter = 0; // milliseconds between empty requests of a session without held ones
  #outbox = [];
  #open = []; // exchanges whose answers were not taken yet, in the order of their rids
  #state = 'new'; // new, creating, live, closing, closed
  #scheduled = false;
  #timers = new Set();
  #idle = 0;

  constructor({ url, domain, escape, network, handlers }) {
    this.#url = url;
    this.#domain = domain;
    this.#escape = escape;
    this.#network = network;
    this.#handlers = handlers;
    // Far enough below 2^53 for any session's life (XEP-0124 §7).
    this.#rid = 1 + crypto.getRandomValues(new Uint32Array(1))[0];
  }

  /** How many requests the server takes at once, the open ones, the rid that is used next, and what it acknowledged. */
  get window() {
    return {
      requests: this.#requests,
      open: this.#open.map((exchange) => exchange.record),
      next: this.#rid,
      acknowledged: this.#acknowledged,
    };
  }

  open() {
    this.#state = 'creating';
    this.#request(`to='${this.#escape(this.#domain)}' xml:lang='en' wait='${WAIT}' hold='${HOLD}' ver='1.6' ack='1' `
      + `content='text/xml; charset=utf-8' xmpp:version='1.0' xmlns:xmpp='${XBOSH}'`, '');
  }

  /** Whether the element will be sent: again and again, until it was taken or the session is lost. */
  send(xml) {
    if (this.#state === 'closing' || this.#state === 'closed') return false;
    this.#outbox.push({ restart: false, xml });
    this.#schedule();
    return true;
  }

  restart() {
    this.#outbox.push({ restart: true, xml: '' });
    this.#schedule();
  }

  close() {
    if (this.#state === 'closing' || this.#state === 'closed') return;
    if (this.#sid === null) {
      this.#finish(null);
      return;
    }
    const last = this.#outbox.filter((entry) => !entry.restart).map((entry) => entry.xml).join('');
    this.#outbox = [];
    this.#state = 'closing';
    // A terminate may go beyond the window (XEP-0124 §11).
    this.#request("type='terminate'", `${last}<presence xmlns='jabber:client' type='unavailable'/>`);
    this.#later(FAREWELL, () => this.#finish(null));
  }

  /** The page goes away: one terminate that outlives it, and no wait for the answer. */
  abandon() {
    if (this.#state !== 'live') return;
    const body = this.#body("type='terminate'", "<presence xmlns='jabber:client' type='unavailable'/>");
    fetch(this.#url, { method: 'POST', headers: XML, body, keepalive: true }).catch(() => {});
    this.#finish(null);
  }

  // What the application sends in one turn leaves in one request.
  #schedule() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  #pump() {
    if (this.#state !== 'live') return;
    while (this.#outbox.length > 0 && this.#open.length < this.#requests) {
      if (this.#outbox[0].restart) {
        this.#outbox.shift();
        // XEP-0206 §5: a restart carries no payload.
        this.#request(`to='${this.#escape(this.#domain)}' xml:lang='en' xmpp:restart='true' xmlns:xmpp='${XBOSH}'`, '');
        continue;
      }
      const next = this.#outbox.findIndex((entry) => entry.restart);
      const batch = this.#outbox.splice(0, next < 0 ? this.#outbox.length : next);
      this.#request('', batch.map((entry) => entry.xml).join(''));
    }
    if (this.#open.length === 0) {
      // A session without held requests is polled (XEP-0124 §12), and a server that answers empty requests at once gets a pause.
      const pause = Math.max(this.#pollAfter, this.#idle < 3 ? 0 : 1000);
      if (pause === 0) this.#request('', '');
      else this.#later(pause, () => {
        if (this.#state === 'live' && this.#open.length === 0) this.#request('', '');
      });
    }
  }

  #body(attributes, payload) {
    const rid = this.#rid;
    this.#rid += 1;
    const sid = this.#sid === null ? '' : ` sid='${this.#escape(this.#sid)}'`;
    // XEP-0124 §9.2: not said where it is the rid before this one.
    const ack = this.#acks && this.#taken < rid - 1 ? ` ack='${this.#taken}'` : '';
    const more = attributes === '' ? '' : ` ${attributes}`;
    return `<body rid='${rid}'${sid}${ack}${more} xmlns='${HTTPBIND}'>${payload}</body>`;
  }

  #request(attributes, payload) {
    const rid = this.#rid;
    const body = this.#body(attributes, payload);
    const exchange = {
      rid,
      body,
      empty: payload === '' && attributes === '',
      answer: null,
      firstFailure: 0,
      abort: null,
      retry: null, // the timer while it waits to be sent again
      record: {
        kind: 'exchange',
        rid,
        state: 'sent', // sent, held, answered, replayed, lost (waits to be sent again), refused, failed, ended
        attempts: [], // { start, end, outcome: open, answered, lost, blocked or ended }, times of performance.now()
        sends: 0, // the attempts that left the page
        sent: bytes(body),
        received: 0,
        acks: { out: this.#acks && this.#taken < rid - 1 ? this.#taken : null, in: null },
        request: body,
        response: '',
      },
    };
    this.#open.push(exchange);
    this.#transmit(exchange);
  }

  async #transmit(exchange) {
    const { record } = exchange;
    const abort = new AbortController();
    exchange.abort = abort;
    const attempt = { start: performance.now(), end: null, outcome: 'open' };
    const blocked = this.#network.pause > 0;
    record.attempts.push(attempt);
    if (!blocked) record.sends += 1;
    this.#become(record, 'sent', blocked ? 'blocked' : record.sends === 1 ? 'sent' : 'again');
    const held = this.#later(HELD, () => this.#become(record, 'held', 'held'));
    const lost = this.#later((this.#wait + GRACE) * 1000, () => abort.abort());
    let response = null;
    try {
      if (!blocked) response = await this.#network.post(this.#url, XML, exchange.body, abort);
    } catch {
      // Lost: what happens then does not depend on how.
    }
    this.#forget(held);
    this.#forget(lost);
    if (this.#state === 'closed') return;
    attempt.end = performance.now();
    if (response === null || response.status >= 500) {
      attempt.outcome = blocked ? 'blocked' : 'lost';
      this.#retry(exchange);
      return;
    }
    attempt.outcome = 'answered';
    record.received = bytes(response.text);
    record.response = response.text;
    exchange.answer = response.ok ? parse(response.text) : { condition: legacyCondition(response.status) };
    const ack = number(exchange.answer.body, 'ack', null);
    record.acks.in = ack;
    // Without the attribute, what is answered is all that the server has (XEP-0124 §9.1).
    if (this.#acks) this.#acknowledged = Math.max(this.#acknowledged ?? 0, ack ?? record.rid);
    const answered = record.sends === 1 ? 'answered' : 'replayed';
    this.#become(record, response.ok ? answered : 'refused', 'answered');
    this.#settle();
  }

  #become(record, state, change) {
    record.state = state;
    this.#handlers.trace(record, change);
  }

  #retry(exchange) {
    const now = performance.now();
    exchange.firstFailure ||= now;
    const { record } = exchange;
    if (this.#state === 'closing') {
      this.#become(record, 'failed', 'failed');
      this.#finish(null);
      return;
    }
    // Beyond `inactivity` the server has forgotten the session (XEP-0124 §10).
    if (now - exchange.firstFailure > this.#inactivity * 1000) {
      this.#become(record, 'failed', 'failed');
      this.#finish('The server could not be reached.', true);
      return;
    }
    this.#become(record, 'lost', 'lost');
    const backoff = Math.min(RETRY_FIRST * 2 ** (record.attempts.length - 1), RETRY_MOST);
    exchange.retry = this.#later(Math.max(backoff, this.#network.pause + SLACK), () => this.#repeat(exchange.rid));
  }

  // In the order of their rids: a server need not keep a newer one for long until an older one comes.
  #repeat(rid) {
    for (const exchange of this.#open.filter((waiting) => waiting.retry !== null && waiting.rid <= rid)) {
      this.#forget(exchange.retry);
      exchange.retry = null;
      this.#transmit(exchange);
    }
  }

  #settle() {
    while (this.#open.length > 0 && this.#open[0].answer !== null && this.#state !== 'closed') {
      this.#take(this.#open.shift());
    }
    if (this.#state === 'closed') return;
    const last = this.#open.find((exchange) => exchange.answer?.type === 'terminate' || exchange.answer?.condition);
    if (last) this.#later(LINGER, () => this.#finish(last.answer.condition ?? null, isGone(last.answer.condition)));
    this.#schedule();
  }

  #take(exchange) {
    const { type, condition, body } = exchange.answer;
    if (type === 'error') {
      // A recoverable binding condition: the same request again (XEP-0124 §17.3).
      exchange.answer = null;
      this.#open.unshift(exchange);
      this.#retry(exchange);
      return;
    }
    this.#taken = exchange.rid;
    if (body === undefined) {
      this.#finish(condition, isGone(condition));
      return;
    }
    if (this.#state === 'creating' && type !== 'terminate') this.#created(body);
    const { start, end } = exchange.record.attempts.at(-1);
    this.#idle = exchange.empty && body.childElementCount === 0 && end - start < 100 ? this.#idle + 1 : 0;
    for (const element of body.children) {
      if (this.#state === 'closed') return;
      this.#handlers.element(element);
    }
    if (type === 'terminate') this.#finish(condition, isGone(condition));
  }

  #created(body) {
    this.#sid = body.getAttribute('sid');
    this.#acks = body.hasAttribute('ack');
    this.#acknowledged = number(body, 'ack', null);
    this.#wait = number(body, 'wait', WAIT);
    this.#requests = Math.max(1, number(body, 'requests', HOLD + 1));
    this.#inactivity = number(body, 'inactivity', 60);
    if (number(body, 'hold', HOLD) === 0) this.#pollAfter = number(body, 'polling', 5) * 1000;
    this.#state = 'live';
    this.#handlers.opened();
  }

  #finish(reason, lost = false) {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    for (const exchange of this.#open) {
      if (exchange.answer !== null) continue;
      exchange.abort?.abort();
      const attempt = exchange.record.attempts.at(-1);
      attempt.end ??= performance.now();
      if (attempt.outcome === 'open') attempt.outcome = 'ended';
      this.#become(exchange.record, exchange.record.state === 'failed' ? 'failed' : 'ended', 'ended');
    }
    this.#open = [];
    this.#handlers.closed(reason, lost);
  }

  #later(delay, action) {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, delay);
    this.#timers.add(timer);
    return timer;
  }

  #forget(timer) {
    clearTimeout(timer);
    this.#timers.delete(timer);
  }
}

const encoder = new TextEncoder();

function bytes(text) {
  return encoder.encode(text).length;
}

function number(element, name, otherwise) {
  const value = Number.parseInt(element?.getAttribute(name) ?? '', 10);
  return Number.isFinite(value) && value >= 0 ? value : otherwise;
}

function parse(text) {
  const body = new DOMParser().parseFromString(text, 'text/xml').documentElement;
  if (body.localName !== 'body' || body.namespaceURI !== HTTPBIND) {
    return { condition: 'The answer was not a BOSH body.' };
  }
  const type = body.getAttribute('type');
  return { type, condition: body.getAttribute('condition'), body };
}

// The server no longer knows the session: a new one can be had.
function isGone(condition) {
  return condition === 'item-not-found';
}

// XEP-0124 §17.1: the codes of servers that do not know `ver`.
function legacyCondition(status) {
  const conditions = { 400: 'bad-request', 403: 'policy-violation', 404: 'item-not-found' };
  return conditions[status] ?? `HTTP status ${status}`;
}
