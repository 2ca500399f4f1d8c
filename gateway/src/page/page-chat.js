// Contacts and conversations. Whatever a peer sent is shown as text nodes only.

import { bare } from './page-stream.js';

const LINES = 1000; // per conversation

const $ = (id) => document.getElementById(id);
const time = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });

export class Chat {
  #contacts = new Map(); // address -> { online, unread, lines }
  #own = null;
  selected = null;

  clear() {
    this.#contacts.clear();
    this.#own = null;
    this.selected = null;
    this.#drawContacts();
    this.#drawLog();
  }

  /** The session has this address of ours, and this contact is there to be written to. */
  begin(own, contact) {
    this.#own = own;
    this.#contact(contact);
    if (this.selected === null) this.select(contact);
  }

  allOffline() {
    for (const contact of this.#contacts.values()) contact.online = false;
    this.#drawContacts();
  }

  presence({ from, available }) {
    if (from === this.#own) return;
    const address = this.#conversationOf(from);
    if (!available && !this.#contacts.has(address)) return;
    this.#contact(address).online = available;
    this.#drawContacts();
  }

  roster(addresses) {
    for (const address of addresses) this.#contact(address);
  }

  select(address) {
    this.selected = address;
    this.#contact(address).unread = 0;
    this.#drawContacts();
    this.#drawLog();
  }

  receive({ from, text, failed }) {
    const name = bare(from) === bare(this.#own ?? '') ? from : bare(from);
    this.#addLine(this.#conversationOf(from), { who: failed ? 'error' : 'peer', name, text, mark: '', time: new Date() });
  }

  /** A line of ours; it can be marked later. */
  say(text, mark) {
    const line = { who: 'own', name: 'me', text, mark, time: new Date() };
    this.#addLine(this.selected, line);
    return line;
  }

  mark(line, mark) {
    line.mark = mark;
    if (line.item?.isConnected) line.item.querySelector('.mark').textContent = mark;
  }

  // One conversation per person; another resource of our own name is a person of its own, else both tabs would be one.
  #conversationOf(address) {
    return this.#own !== null && bare(address) === bare(this.#own) ? address : bare(address);
  }

  #contact(address) {
    let contact = this.#contacts.get(address);
    if (contact === undefined) {
      contact = { online: false, unread: 0, lines: [] };
      this.#contacts.set(address, contact);
      this.#drawContacts();
    }
    return contact;
  }

  #drawContacts() {
    const focused = document.activeElement?.dataset?.address;
    const items = [];
    for (const [address, contact] of this.#contacts) {
      const button = document.createElement('button');
      button.type = 'button';
      button.dataset.address = address;
      button.setAttribute('aria-pressed', String(address === this.selected));
      button.append(
        span('dot', '', { 'data-online': String(contact.online), 'aria-hidden': 'true' }),
        span('address', address),
        span('hidden', contact.online ? ', online' : ', offline'),
      );
      if (contact.unread > 0) button.append(span('unread', String(contact.unread)), span('hidden', ' unread'));
      button.addEventListener('click', () => {
        this.select(address);
        $('compose-text').focus();
      });
      const item = document.createElement('li');
      item.append(button);
      items.push(item);
    }
    $('contacts').replaceChildren(...items);
    if (focused) [...$('contacts').querySelectorAll('button')].find((button) => button.dataset.address === focused)?.focus();
  }

  #addLine(address, line) {
    const contact = this.#contact(address);
    contact.lines.push(line);
    if (contact.lines.length > LINES) contact.lines.shift();
    if (address === this.selected) {
      $('log').append(lineItem(line));
      while ($('log').children.length > LINES) $('log').firstElementChild.remove();
      $('log').scrollTop = $('log').scrollHeight;
    } else {
      contact.unread += 1;
      this.#drawContacts();
    }
  }

  #drawLog() {
    const log = $('log');
    // What was said before is not news: only lines that come later are announced.
    log.setAttribute('aria-live', 'off');
    log.replaceChildren(...(this.#contacts.get(this.selected)?.lines ?? []).map(lineItem));
    log.scrollTop = log.scrollHeight;
    setTimeout(() => log.setAttribute('aria-live', 'polite'), 100);
    $('chat-title').textContent = this.selected === null ? 'Chat' : `Chat with ${this.selected}`;
  }
}

function lineItem(line) {
  const item = document.createElement('li');
  item.className = line.who;
  const moment = document.createElement('time');
  moment.dateTime = line.time.toISOString();
  moment.textContent = time.format(line.time);
  item.append(span('name', line.name), ' ', moment, ' ', span('mark', line.mark), span('text', line.text));
  line.item = item;
  return item;
}

function span(className, text, attributes = {}) {
  const element = document.createElement('span');
  element.className = className;
  element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}
