// The demonstration page: the form, contacts, chat, and the live list of what crosses the wire.
// Whatever a peer sent is shown as text nodes only.

import { Bosh } from './page-bosh.js';
import { bare, Stream } from './page-stream.js';
import { WebSocketTransport } from './page-websocket.js';

const ROWS = 200; // per list on the wire
const LINES = 1000; // per conversation
const DETAIL = 20000; // characters of one request, answer or frame

const $ = (id) => document.getElementById(id);
const time = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });

let stream = null;
let own = null;
let selected = null;
let lastTransport = 'bosh';
const contacts = new Map(); // address -> { online, unread, lines }

// --- Session ---------------------------------------------------------------

function connect() {
  const form = new FormData($('connect'));
  const domain = form.get('domain').trim();
  const anonymous = form.get('sign-in') === 'anonymous';
  const name = anonymous ? '' : form.get('name').trim();
  lastTransport = form.get('transport');
  const bosh = lastTransport === 'bosh';

  clearWire(bosh);
  clearContacts();
  const url = bosh
    ? new URL('/http-bind', location.href).href
    : new URL('/xmpp-websocket', location.href.replace(/^http/, 'ws')).href;
  stream = new Stream({
    Transport: bosh ? Bosh : WebSocketTransport,
    url,
    domain,
    account: anonymous ? null : { name, password: form.get('password') },
    handlers: { ready, message: receive, presence, roster, ended },
    trace,
  });
  setState('connecting', `Connecting to ${domain} by ${bosh ? 'BOSH' : 'WebSocket'}`);
  stream.open();
}

function ready(address) {
  own = address;
  setState('online', `Connected as ${address}`);
  addContact(`echo@${domainOf(address)}`);
  select(`echo@${domainOf(address)}`);
  $('compose-text').focus();
}

function ended(reason) {
  stream = null;
  for (const contact of contacts.values()) contact.online = false;
  drawContacts();
  setState(reason ? 'failed' : 'offline', reason ? `Disconnected: ${reason}` : 'Disconnected');
  $('connect-button').focus();
}

function setState(state, text) {
  $('status').dataset.state = state;
  $('status').textContent = text;
  const offline = state === 'offline' || state === 'failed';
  $('connect-fields').disabled = !offline;
  $('connect-button').disabled = !offline;
  $('disconnect-button').disabled = offline;
  $('compose-text').disabled = state !== 'online';
  $('compose-button').disabled = state !== 'online';
}

function domainOf(address) {
  return bare(address).split('@').pop();
}

// --- Contacts --------------------------------------------------------------

function presence({ from, available }) {
  if (from === own) return;
  const address = conversationOf(from);
  if (!available && !contacts.has(address)) return;
  addContact(address).online = available;
  drawContacts();
}

function roster(addresses) {
  for (const address of addresses) addContact(address);
}

// One conversation per person; another resource of our own name is a person of its own, else both tabs would be one.
function conversationOf(address) {
  return own !== null && bare(address) === bare(own) ? address : bare(address);
}

function addContact(address) {
  let contact = contacts.get(address);
  if (contact === undefined) {
    contact = { online: false, unread: 0, lines: [] };
    contacts.set(address, contact);
    drawContacts();
  }
  return contact;
}

function clearContacts() {
  contacts.clear();
  selected = null;
  own = null;
  drawContacts();
  drawLog();
}

function drawContacts() {
  const focused = document.activeElement?.dataset?.address;
  const items = [];
  for (const [address, contact] of contacts) {
    const button = document.createElement('button');
    button.type = 'button';
    button.dataset.address = address;
    button.setAttribute('aria-pressed', String(address === selected));
    button.append(
      span('dot', '', { 'data-online': String(contact.online), 'aria-hidden': 'true' }),
      span('address', address),
      span('hidden', contact.online ? ', online' : ', offline'),
    );
    if (contact.unread > 0) button.append(span('unread', String(contact.unread)), span('hidden', ' unread'));
    button.addEventListener('click', () => {
      select(address);
      $('compose-text').focus();
    });
    const item = document.createElement('li');
    item.append(button);
    items.push(item);
  }
  $('contacts').replaceChildren(...items);
  if (focused) [...$('contacts').querySelectorAll('button')].find((button) => button.dataset.address === focused)?.focus();
}

function select(address) {
  selected = address;
  addContact(address).unread = 0;
  drawContacts();
  drawLog();
}

// --- Chat ------------------------------------------------------------------

function receive({ from, text, failed }) {
  const address = conversationOf(from);
  addLine(address, { who: failed ? 'error' : 'peer', name: bare(from) === bare(own ?? '') ? from : bare(from), text, time: new Date() });
}

function send(text) {
  stream.message(selected, text);
  addLine(selected, { who: 'own', name: 'me', text, time: new Date() });
}

function addLine(address, line) {
  const contact = addContact(address);
  contact.lines.push(line);
  if (contact.lines.length > LINES) contact.lines.shift();
  if (address === selected) {
    $('log').append(lineItem(line));
    while ($('log').children.length > LINES) $('log').firstElementChild.remove();
    $('log').scrollTop = $('log').scrollHeight;
  } else {
    contact.unread += 1;
    drawContacts();
  }
}

function drawLog() {
  const log = $('log');
  // What was said before is not news: only lines that come later are announced.
  log.setAttribute('aria-live', 'off');
  log.replaceChildren(...(contacts.get(selected)?.lines ?? []).map(lineItem));
  log.scrollTop = log.scrollHeight;
  setTimeout(() => log.setAttribute('aria-live', 'polite'), 100);
  $('chat-title').textContent = selected === null ? 'Chat' : `Chat with ${selected}`;
}

function lineItem(line) {
  const item = document.createElement('li');
  item.className = line.who;
  const moment = document.createElement('time');
  moment.dateTime = line.time.toISOString();
  moment.textContent = time.format(line.time);
  item.append(span('name', line.name), ' ', moment, span('text', line.text));
  return item;
}

// --- Wire ------------------------------------------------------------------

const rows = new Map(); // exchange record -> row
const totals = { count: 0, sent: 0, received: 0 };

function trace(record) {
  if (record.kind === 'exchange') traceExchange(record);
  else traceFrame(record);
}

function traceExchange(record) {
  let row = rows.get(record);
  if (row === undefined) {
    row = newRow(5, () => showDetail(`Exchange ${record.rid}`, `${record.request}\n\n${record.response || '(no answer yet)'}`));
    rows.set(record, row);
    prepend($('exchanges'), row);
    totals.count += 1;
    totals.sent += record.sent;
  }
  if (record.state === 'answered' && row.dataset.state !== 'answered') totals.received += record.received;
  row.dataset.state = record.state;
  setCells(row, [record.rid, record.state, record.sent, record.ms === null ? '' : record.received, record.ms ?? '']);
  while ($('exchanges').children.length > ROWS) {
    const oldest = $('exchanges').lastElementChild;
    for (const [known, knownRow] of rows) if (knownRow === oldest) rows.delete(known);
    oldest.remove();
  }
  queueMicrotask(drawWindow);
}

function traceFrame(record) {
  const name = /^<([^\s/>]+)/.exec(record.xml)?.[1] ?? '';
  const row = newRow(4, () => showDetail(record.way === 'out' ? 'Sent' : 'Received', record.xml));
  row.dataset.way = record.way;
  setCells(row, [time.format(record.time), record.way === 'out' ? 'sent' : 'received', name, record.bytes]);
  prepend($('frames'), row);
  while ($('frames').children.length > ROWS) $('frames').lastElementChild.remove();
  totals.count += 1;
  totals[record.way === 'out' ? 'sent' : 'received'] += record.bytes;
  $('wire-summary').textContent = `${totals.count} messages, ${totals.sent} bytes sent, ${totals.received} received`;
}

function drawWindow() {
  const state = stream?.window ?? { requests: 0, open: [] };
  const slots = [];
  for (let index = 0; index < Math.max(state.requests, state.open.length); index += 1) {
    const record = state.open[index];
    slots.push(span(record === undefined ? 'slot' : 'slot busy', record === undefined ? 'free' : `rid ${record.rid}`));
  }
  $('window').hidden = slots.length === 0;
  $('window').replaceChildren(...slots);
  const open = state.requests === 0 ? '' : `; ${state.open.length} of ${state.requests} requests open`;
  $('wire-summary').textContent = `${totals.count} exchanges, ${totals.sent} bytes sent, ${totals.received} received${open}`;
}

function clearWire(bosh) {
  rows.clear();
  totals.count = 0;
  totals.sent = 0;
  totals.received = 0;
  $('exchanges').replaceChildren();
  $('frames').replaceChildren();
  $('exchanges-panel').hidden = !bosh;
  $('frames-panel').hidden = bosh;
  $('window').hidden = true;
  showDetail('Selected', 'Choose a row to read its XML. Credentials are blanked.');
}

// The first cell holds a button, so that the keyboard reaches each row.
function newRow(cells, choose) {
  const row = document.createElement('tr');
  const button = document.createElement('button');
  button.type = 'button';
  const first = document.createElement('td');
  first.append(button);
  row.append(first);
  for (let index = 1; index < cells; index += 1) row.append(document.createElement('td'));
  row.addEventListener('click', choose);
  return row;
}

function setCells(row, values) {
  values.forEach((value, index) => {
    const cell = index === 0 ? row.firstElementChild.firstElementChild : row.children[index];
    cell.textContent = String(value);
  });
}

function prepend(list, row) {
  const panel = list.closest('.scroll');
  const reading = panel.scrollTop > 0;
  list.prepend(row);
  // Whoever scrolled down to read keeps the place.
  if (reading) panel.scrollTop += row.offsetHeight;
}

function showDetail(title, text) {
  $('detail-title').textContent = title;
  const blanked = text.replace(/(<auth\b[^>]*>)[^<]+/g, '$1…');
  $('detail').textContent = blanked.length > DETAIL ? `${blanked.slice(0, DETAIL)}… (${blanked.length} characters)` : blanked;
}

function span(className, text, attributes = {}) {
  const element = document.createElement('span');
  element.className = className;
  element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
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
  if (stream === null) connect();
});
$('disconnect-button').addEventListener('click', () => {
  if (stream === null) return;
  setState('connecting', 'Disconnecting');
  stream.close();
});
$('add-contact').addEventListener('submit', (event) => {
  event.preventDefault();
  const address = $('contact-address').value.trim();
  if (address === '') return;
  $('contact-address').value = '';
  select(address);
});
$('compose').addEventListener('submit', (event) => {
  event.preventDefault();
  const text = $('compose-text').value;
  if (stream === null || selected === null || text === '') return;
  $('compose-text').value = '';
  send(text);
});
window.addEventListener('pagehide', () => stream?.abandon());
