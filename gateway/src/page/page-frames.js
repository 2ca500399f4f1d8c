// The messages of a WebSocket connection: a strip over time, sent above and received below, and a table.

import { bar, newRow, place, prepend, setCells } from './page-table.js';

const WAYS = { out: '→ out', in: '← in', socket: 'socket' };
const time = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3, hourCycle: 'h23' });

export class Frames {
  #axis;
  #list;
  #strip;
  #choose;
  #shown = new Map(); // row -> { record, mark }

  constructor({ axis, list, strip, choose }) {
    this.#axis = axis;
    this.#list = list;
    this.#strip = strip;
    this.#choose = choose;
  }

  clear() {
    this.#shown.clear();
    this.#list.replaceChildren();
    this.#strip.replaceChildren();
  }

  show(record) {
    const row = newRow(4, () => this.#choose(record));
    row.dataset.way = record.way;
    const moment = time.format(new Date(performance.timeOrigin + record.time));
    setCells(row, [moment, WAYS[record.way], record.label, record.bytes || '']);
    const mark = bar('mark', 0, 0);
    mark.dataset.way = record.way;
    // Bytes from 50 to 5000 and beyond as a height of a fifth to the whole.
    mark.style.setProperty('--size', String(Math.min(1, Math.max(0.2, Math.log10(record.bytes / 50 + 1) / 2))));
    this.#strip.append(mark);
    this.#shown.set(row, { record, mark });
    for (const gone of prepend(this.#list, row)) {
      this.#shown.get(gone).mark.remove();
      this.#shown.delete(gone);
    }
    this.draw();
  }

  draw() {
    for (const { record, mark } of this.#shown.values()) {
      const at = this.#axis.at(record.time);
      place(mark, at, at);
      mark.hidden = at < 0;
    }
  }
}
