// The time axis that lanes and frames share: the last seconds, with now at the right edge.

const TICKS = 5;

export class Axis {
  #span = 10000;
  #stopped = null;

  get span() {
    return this.#span;
  }

  /** Milliseconds. */
  set span(span) {
    this.#span = span;
  }

  get now() {
    return this.#stopped ?? performance.now();
  }

  /** What is over stays where it is, to be read. */
  stop() {
    this.#stopped ??= performance.now();
  }

  run() {
    this.#stopped = null;
  }

  /** Where that moment is, as a share of the width; outside of 0 to 1 where it is not shown. */
  at(moment) {
    return 1 - (this.now - moment) / this.#span;
  }

  drawTicks(element) {
    const ticks = [];
    for (let index = 0; index < TICKS; index += 1) {
      const tick = document.createElement('span');
      const seconds = (this.#span / 1000) * (1 - index / (TICKS - 1));
      tick.textContent = seconds === 0 ? (this.#stopped === null ? 'now' : 'end') : `−${seconds % 1 === 0 ? seconds : seconds.toFixed(1)} s`;
      ticks.push(tick);
    }
    element.replaceChildren(...ticks);
  }
}
