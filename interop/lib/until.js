// Waiting for what a client reports by events of its own.

import { sleep } from './processes.js';

/** Asks every 10 ms until `condition` gives something other than undefined, null or false. */
export async function until(what, condition, seconds = 15) {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    const answer = await condition();
    if (answer !== undefined && answer !== null && answer !== false) return answer;
    if (performance.now() > deadline) throw new Error(`no ${typeof what === 'function' ? what() : what} in ${seconds} s`);
    await sleep(10);
  }
}
