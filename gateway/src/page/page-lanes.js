// The exchanges of a BOSH session: a lane each, with a bar for every time that its body was sent, and the window of rids.

import { bar, newRow, place, prepend, setCells } from './page-table.js';

const time = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3, hourCycle: 'h23' });
const STATES = {
  sent: 'sent',
  held: 'held',
  answered: 'answered',
  replayed: 'answered',
  lost: 'lost',
  refused: 'refused',
  failed: 'failed',
  ended: 'ended',
};

export class Lanes {
  #axis;
  #list;
  #window;
  #choose;
  #lanes = new Map(); // exchange record -> { row, track, bars }

  constructor({ axis, list, window, choose }) {
    this.#axis = axis;
    this.#list = list;
    this.#window = window;
    this.#choose = choose;
  }

  clear() {
    this.#lanes.clear();
    this.#list.replaceChildren();
    this.#window.replaceChildren();
  }

  /** Shows the record as it is now. */
  show(record) {
    let lane = this.#lanes.get(record);
    if (lane === undefined) {
      // An old exchange whose lane left the picture stays out of it.
      if (record.attempts.length > 1 || record.attempts[0].end !== null) return;
      lane = this.#add(record);
    }
    lane.row.dataset.state = record.state;
    lane.row.dataset.sends = record.sends;
    setCells(lane.row, [record.rid, stateInWords(record), record.sent, record.received || '', elapsed(record, this.#axis.now), acks(record)]);
    while (lane.bars.length < record.attempts.length) {
      const element = bar('bar', 0, 0);
      lane.bars.push(element);
      lane.track.append(element);
    }
    this.#place(record, lane);
  }

  /** Moves the bars to where they are now. */
  draw() {
    for (const [record, lane] of this.#lanes) {
      this.#place(record, lane);
      if (record.attempts.at(-1).end === null) setCells(lane.row, [record.rid, stateInWords(record), record.sent, '', elapsed(record, this.#axis.now)]);
    }
  }

  drawWindow({ requests, open, next, acknowledged }) {
    const slots = open.map((record) => slot('slot busy', `${record.rid} ${record.state}`));
    const free = requests - open.length;
    for (let index = 0; index < free; index += 1) slots.push(slot('slot', `${next + index} free`));
    const range = free > 1 ? `${next} to ${next + free - 1}` : next;
    const words = [
      free > 0 ? `Window of ${requests}: the server takes rid ${range} next.` : `Window of ${requests}: full, what is to be sent waits.`,
      ...(acknowledged === null ? [] : [`It has received everything up to ${acknowledged}.`]),
    ].join(' ');
    this.#window.replaceChildren(...slots, slot('words', words));
  }

  #add(record) {
    const row = newRow(6, () => this.#choose(record));
    const track = document.createElement('div');
    track.className = 'track';
    track.setAttribute('aria-hidden', 'true');
    const cell = document.createElement('td');
    cell.className = 'track-cell';
    cell.setAttribute('aria-hidden', 'true');
    cell.append(track);
    row.append(cell);
    const lane = { row, track, bars: [] };
    this.#lanes.set(record, lane);
    const gone = prepend(this.#list, row);
    for (const [known, { row: old }] of this.#lanes) if (gone.includes(old)) this.#lanes.delete(known);
    return lane;
  }

  #place(record, lane) {
    record.attempts.forEach((attempt, index) => {
      const element = lane.bars[index];
      const again = record.attempts.slice(0, index).some(({ outcome }) => outcome === 'lost');
      element.dataset.outcome = again && attempt.outcome === 'answered' ? 'replayed' : attempt.outcome;
      place(element, this.#axis.at(attempt.start), this.#axis.at(attempt.end ?? this.#axis.now));
    });
  }
}

/** When the body was sent, each time, and what came of it. */
export function timesInWords(record) {
  return record.attempts.map(({ start, end, outcome }, index) => {
    const moment = time.format(new Date(performance.timeOrigin + start));
    const what = outcome === 'blocked' ? 'could not leave' : index === 0 ? 'sent' : 'sent again';
    if (outcome === 'blocked') return `${moment} ${what}`;
    return `${moment} ${what}, ${end === null ? 'no answer yet' : `${outcome} after ${Math.round(end - start)} ms`}`;
  }).join('\n');
}

function stateInWords(record) {
  if (record.state === 'lost' && record.sends === 0) return 'waits';
  const state = STATES[record.state];
  return record.sends > 1 ? `${state} (sent ${record.sends}×)` : state;
}

function elapsed(record, now) {
  const { start, end } = record.attempts.at(-1);
  return Math.round((end ?? now) - start);
}

function acks(record) {
  const { out, in: received } = record.acks;
  return [out === null ? '' : `→${shortened(out)}`, received === null ? '' : `←${shortened(received)}`].filter((part) => part !== '').join(' ');
}

// The last digits tell neighbours apart.
function shortened(rid) {
  return `…${String(rid).slice(-3)}`;
}

function slot(className, text) {
  const element = document.createElement('span');
  element.className = className;
  element.textContent = text;
  return element;
}
