// The demonstration page: the session by one transport or the other, from the form to its end, through losses and switches.
//
// Rules: a session that the network ended is begun again, one that a server or a person ended is not;
// what is written without a session waits for the next one, in its order.

import { Bosh } from './page-bosh.js';
import { Chat } from './page-chat.js';
import { Network } from './page-network.js';
import { Story } from './page-story.js';
import { bare, Stream } from './page-stream.js';
import { WebSocketTransport } from './page-websocket.js';
import { Wire } from './page-wire.js';

const STAY = 5000; // milliseconds of a cut that stays
const ATTEMPTS = 8; // to connect again
const SLACK = 20; // milliseconds after a cut, since timers may be early
const RETRY_FIRST = 500; // milliseconds, doubled with each attempt
const RETRY_MOST = 15000;

const $ = (id) => document.getElementById(id);
const NAMES = { bosh: 'BOSH', websocket: 'WebSocket' };

const network = new Network();
const chat = new Chat();
const story = new Story($('story'));
const wire = new Wire();

let settings = null; // { domain, account, transport } of the sessions from Connect to Disconnect
let stream = null;
let state = 'offline'; // offline, connecting, online, recovering, failed
let ready = false; // the stream can carry messages
let established = false; // a session by these settings was ready once
let switching = false; // the stream ends to make room for one by the other transport
let attempts = 0;
let timer = 0;
let waiting = []; // { to, text, line } that were written without a session

// --- Session ---------------------------------------------------------------

function connect() {
  const form = new FormData($('connect'));
  const anonymous = form.get('sign-in') === 'anonymous';
  settings = {
    domain: form.get('domain').trim(),
    account: anonymous ? null : { name: form.get('name').trim(), password: form.get('password') },
    transport: form.get('transport'),
  };
  established = false;
  attempts = 0;
  chat.clear();
  begin({ keep: false });
}

function begin({ keep }) {
  const { domain, account, transport } = settings;
  const gateway = new URL(document.querySelector('meta[name="gateway"]').content, location.href);
  const url = transport === 'bosh'
    ? new URL('/http-bind', gateway).href
    : new URL('/xmpp-websocket', gateway.href.replace(/^http/, 'ws')).href;
  const begun = new Stream({
    Transport: transport === 'bosh' ? Bosh : WebSocketTransport,
    url,
    domain,
    account,
    network,
    handlers: {
      ready: onReady,
      message: (message) => chat.receive(message),
      presence: (presence) => chat.presence(presence),
      roster: (addresses) => chat.roster(addresses),
      ended: onEnded,
    },
    trace,
  });
  stream = begun;
  wire.start(transport, () => begun.window, { keep });
  setState(established ? 'recovering' : 'connecting', `${established ? 'Connecting again' : 'Connecting'} to ${domain} by ${NAMES[transport]}`);
  begun.open();
}

function onReady(address) {
  const first = !established;
  if (!first) story.tell(`Connected by ${NAMES[settings.transport]}: a new session for the same name${waiting.length > 0 ? ', and what waited is sent' : ''}.`);
  ready = true;
  established = true;
  attempts = 0;
  chat.begin(address, `echo@${domainOf(address)}`);
  setState('online', connected(address));
  if (first) $('compose-text').focus();
  // After the initial presence, which the stream sends next.
  queueMicrotask(sendWaiting);
}

function onEnded(reason, lost) {
  stream = null;
  ready = false;
  chat.allOffline();
  if (switching) {
    switching = false;
    settings.transport = other();
    document.querySelector(`input[name="transport"][value="${settings.transport}"]`).checked = true;
    begin({ keep: false });
  } else if (lost && established && attempts < ATTEMPTS) {
    recover(reason);
  } else {
    end(reason);
  }
}

function recover(reason) {
  const delay = Math.max(Math.min(RETRY_FIRST * 2 ** attempts, RETRY_MOST), network.pause + SLACK);
  attempts += 1;
  const seconds = (delay / 1000).toFixed(1);
  story.tell(`${reason.endsWith('.') ? reason : `The server ended the session: ${reason}.`} The page connects again in ${seconds} s; what is written until then waits.`);
  setState('recovering', `Connection lost: connecting again in ${seconds} s`);
  timer = setTimeout(() => begin({ keep: true }), delay);
}

function end(reason) {
  clearTimeout(timer);
  for (const { line } of waiting) chat.mark(line, 'not sent');
  waiting = [];
  wire.stop();
  setState(reason ? 'failed' : 'offline', reason ? `Disconnected: ${reason}` : 'Disconnected');
  $('connect-button').focus();
}

function disconnect() {
  established = false;
  switching = false;
  if (stream === null) {
    end(null);
    return;
  }
  ready = false;
  setState('connecting', 'Disconnecting');
  stream.close();
}

function switchTransport() {
  if (!ready) return;
  switching = true;
  ready = false;
  story.tell(`Switching from ${NAMES[settings.transport]} to ${NAMES[other()]}: the session is ended cleanly, and one begun by the other.`);
  setState('recovering', `Switching to ${NAMES[other()]}`);
  stream.close();
}

function other() {
  return settings.transport === 'bosh' ? 'websocket' : 'bosh';
}

function cut() {
  if (stream === null) return;
  const pause = $('cut-stay').checked ? STAY : 0;
  const rids = (stream.window?.open ?? []).filter((record) => record.attempts.at(-1).end === null).map((record) => record.rid);
  story.cut(settings.transport, rids, pause);
  network.cut(pause);
}

function setState(wanted, text) {
  state = wanted;
  $('status').dataset.state = state;
  if ($('status').textContent !== text) $('status').textContent = text;
  const offline = state === 'offline' || state === 'failed';
  const writable = state === 'online' || state === 'recovering';
  $('connect-fields').disabled = !offline;
  $('connect-button').disabled = !offline;
  $('disconnect-button').disabled = offline;
  $('compose-text').disabled = !writable;
  $('compose-button').disabled = !writable;
  // Not disabled while a session recovers: that would take the keyboard's place on the page away.
  for (const [button, usable] of [[$('switch-button'), ready], [$('cut-button'), stream !== null]]) {
    button.disabled = !writable;
    button.setAttribute('aria-disabled', String(!usable));
  }
  if (settings !== null) $('switch-button').textContent = `Switch to ${NAMES[other()]}`;
}

function connected(address) {
  return `Connected as ${address} by ${NAMES[settings.transport]}`;
}

function domainOf(address) {
  return bare(address).split('@').pop();
}

// --- What crosses the wire -------------------------------------------------

function trace(record, change) {
  wire.trace(record, change);
  if (record.kind !== 'exchange') return;
  story.exchange(record, change);
  if (!ready || stream === null) return;
  if (story.troubled) setState('recovering', 'Network lost: what has no answer is sent again');
  else if (state === 'recovering') setState('online', connected(stream.address));
}

// --- Messages --------------------------------------------------------------

function send(text) {
  const to = chat.selected;
  const sent = waiting.length === 0 && ready && stream.message(to, text);
  const line = chat.say(text, sent ? '' : 'waits');
  if (!sent) waiting.push({ to, text, line });
}

function sendWaiting() {
  while (waiting.length > 0 && ready && stream.message(waiting[0].to, waiting[0].text)) {
    chat.mark(waiting.shift().line, '');
  }
}

// --- Start -----------------------------------------------------------------

function defaultDomain() {
  const host = location.hostname;
  // Loopback addresses are other spellings of localhost; the demonstration domain has the name.
  return host === '[::1]' || host.startsWith('127.') || host === '' ? 'localhost' : host;
}

function drawSignIn() {
  const anonymous = new FormData($('connect')).get('sign-in') === 'anonymous';
  for (const element of document.querySelectorAll('.named')) {
    element.hidden = anonymous;
    for (const input of element.querySelectorAll('input')) input.disabled = anonymous;
  }
}

$('domain').value = defaultDomain();
$('name').value = `guest-${100 + (crypto.getRandomValues(new Uint16Array(1))[0] % 900)}`;
$('password').value = 'demonstration';
drawSignIn();

$('connect').addEventListener('change', drawSignIn);
$('connect').addEventListener('submit', (event) => {
  event.preventDefault();
  if (state === 'offline' || state === 'failed') connect();
});
$('disconnect-button').addEventListener('click', disconnect);
$('switch-button').addEventListener('click', switchTransport);
$('cut-button').addEventListener('click', cut);
$('add-contact').addEventListener('submit', (event) => {
  event.preventDefault();
  const address = $('contact-address').value.trim();
  if (address === '') return;
  $('contact-address').value = '';
  chat.select(address);
});
$('compose').addEventListener('submit', (event) => {
  event.preventDefault();
  const text = $('compose-text').value;
  if (!established || chat.selected === null || text === '') return;
  $('compose-text').value = '';
  send(text);
});
window.addEventListener('pagehide', () => stream?.abandon());
