// What the protocol does when something is lost, in words.

const LINES = 40;
const time = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });

export class Story {
  #list;
  #troubled = new Set(); // exchanges that were lost and neither answered nor held since

  constructor(list) {
    this.#list = list;
  }

  get troubled() {
    return this.#troubled.size > 0;
  }

  tell(text) {
    const item = document.createElement('li');
    const moment = document.createElement('time');
    moment.textContent = time.format(new Date());
    item.append(moment, ` ${text}`);
    this.#list.append(item);
    while (this.#list.children.length > LINES) this.#list.firstElementChild.remove();
    this.#list.scrollTop = this.#list.scrollHeight;
  }

  cut(transport, rids, pause) {
    const length = pause > 0 ? ` for ${pause / 1000} s` : '';
    if (transport === 'websocket') {
      this.tell(`Network cut${length}: the socket is gone, and the stream with it. What was under way to this page is lost; `
        + 'WebSocket itself does not say which messages arrived.');
    } else if (rids.length === 0) {
      this.tell(`Network cut${length}: no request was in flight.`);
    } else {
      this.tell(`Network cut${length}: ${rids.length === 1 ? 'the request' : 'the requests'} with rid ${rids.join(' and ')} `
        + `${rids.length === 1 ? 'was' : 'were'} aborted. BOSH keeps the bytes to send them again.`);
    }
  }

  /** What a change of an exchange means, where it is about a loss. */
  exchange(record, change) {
    const { rid, sends, sent } = record;
    if (change === 'lost' && !this.#troubled.has(record)) {
      this.#troubled.add(record);
      this.tell(sends === 0 ? `rid ${rid} waits: nothing can leave.` : `rid ${rid} is lost: no answer came.`);
    } else if (change === 'sent' && this.#troubled.has(record)) {
      this.tell(`rid ${rid} leaves.`);
    } else if (change === 'again') {
      this.tell(`rid ${rid} is sent again, the identical ${sent} bytes (${ordinal(sends)} time).`);
    } else if ((change === 'held' || change === 'answered') && this.#troubled.delete(record)) {
      if (record.state === 'refused' || /^<body\b[^>]*\btype=(["'])terminate\1/.test(record.response)) {
        this.tell(`rid ${rid} is answered, by the end of the session.`);
        return;
      }
      const what = change === 'held' ? 'is held by the server again' : 'is answered';
      const all = this.#troubled.size > 0 ? '' : ' The session goes on: the same sid, nothing lost, nothing twice.';
      this.tell(`rid ${rid} ${what}.${all}`);
    } else if (change === 'failed' || change === 'ended') {
      this.#troubled.delete(record);
    }
  }
}

function ordinal(number) {
  return { 2: 'second', 3: 'third' }[number] ?? `${number}th`;
}
