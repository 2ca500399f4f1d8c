// The part of the page that shows what crosses the wire: exchanges or frames, totals, and the XML of what is chosen.

import { Axis } from './page-axis.js';
import { Frames } from './page-frames.js';
import { Lanes, timesInWords } from './page-lanes.js';

const DETAIL = 20000; // characters of one request, answer or frame
const CALM = 1000; // milliseconds between pictures for those who asked for less motion
const HINT = 'Choose a row to read its XML. Credentials are blanked.';

const $ = (id) => document.getElementById(id);
const calm = matchMedia('(prefers-reduced-motion: reduce)');

export class Wire {
  #axis = new Axis();
  #lanes;
  #frames;
  #bosh = true;
  #window = () => null; // what the session's transport says of its window
  #totals = { count: 0, again: 0, sent: 0, received: 0 };
  #timer = 0;
  #pending = false;

  constructor() {
    const axis = this.#axis;
    this.#lanes = new Lanes({
      axis,
      list: $('exchanges'),
      window: $('window'),
      choose: (record) => detail(`Exchange ${record.rid}`, `${timesInWords(record)}\n\n${record.request}\n\n${record.response || '(no answer yet)'}`),
    });
    this.#frames = new Frames({
      axis,
      list: $('frames'),
      strip: $('strip'),
      choose: (record) => detail({ out: 'Sent', in: 'Received', socket: 'Socket' }[record.way], record.text),
    });
    $('span').addEventListener('change', () => {
      axis.span = Number($('span').value) * 1000;
      this.#drawTicks();
      this.#draw();
    });
    document.addEventListener('visibilitychange', () => this.#tick());
  }

  /** A session begins; the picture of one before it goes unless this one carries it on. */
  start(transport, window, { keep }) {
    this.#bosh = transport === 'bosh';
    this.#window = window;
    this.#axis.run();
    if (!keep) {
      this.#totals = { count: 0, again: 0, sent: 0, received: 0 };
      this.#lanes.clear();
      this.#frames.clear();
      detail('Selected', HINT);
    }
    $('exchanges-panel').hidden = !this.#bosh;
    $('frames-panel').hidden = this.#bosh;
    this.#drawTicks();
    this.#tick();
  }

  /** Nothing crosses the wire any more: the picture stands still. */
  stop() {
    this.#axis.stop();
    this.#drawTicks();
    this.#draw();
    this.#summarise();
  }

  trace(record, change) {
    const totals = this.#totals;
    if (record.kind === 'frame') {
      if (record.way !== 'socket') {
        totals.count += 1;
        totals[record.way === 'out' ? 'sent' : 'received'] += record.bytes;
      }
      this.#frames.show(record);
    } else {
      if (change === 'sent') totals.count += 1;
      if (change === 'again') totals.again += 1;
      if (change === 'sent' || change === 'again') totals.sent += record.sent;
      if (change === 'answered') totals.received += record.received;
      this.#lanes.show(record);
    }
    if (this.#pending) return;
    this.#pending = true;
    // The transport first finishes what it is at.
    queueMicrotask(() => {
      this.#pending = false;
      this.#summarise();
    });
  }

  #summarise() {
    const { count, again, sent, received } = this.#totals;
    const repeated = again === 0 ? '' : `, ${again} sent again`;
    $('wire-summary').textContent = `${count} ${this.#bosh ? 'exchanges' : 'messages'}${repeated}; ${sent} B out, ${received} B in`;
    const window = this.#bosh ? this.#window() : null;
    $('window').hidden = window === null;
    if (window !== null) this.#lanes.drawWindow(window);
  }

  #tick() {
    clearTimeout(this.#timer);
    if (document.hidden) return;
    this.#draw();
    // A step of about a pixel.
    const step = calm.matches ? CALM : Math.max(50, this.#axis.span / 500);
    this.#timer = setTimeout(() => this.#tick(), step);
  }

  #draw() {
    if (this.#bosh) this.#lanes.draw();
    else this.#frames.draw();
  }

  #drawTicks() {
    for (const ticks of document.querySelectorAll('.ticks')) this.#axis.drawTicks(ticks);
  }
}

function detail(title, text) {
  $('detail-title').textContent = title;
  const blanked = text.replace(/(<(?:auth|response)\b[^>]*>)[^<]+/g, '$1…');
  $('detail').textContent = blanked.length > DETAIL ? `${blanked.slice(0, DETAIL)}… (${blanked.length} characters)` : blanked;
}
