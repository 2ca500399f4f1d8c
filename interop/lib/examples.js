// The examples of our clients, on tokio and on smol.

import { fileURLToPath } from 'node:url';
import { Process } from './processes.js';

const directory = process.env.INTEROP_EXAMPLES ?? fileURLToPath(new URL('../../target/debug/examples', import.meta.url));

/** What is behind a name: `echo_bot` on tokio, `echo_bot_smol` on smol. */
export const RUNTIMES = { tokio: '', smol: '_smol' };

export function startExample(name, runtime, args) {
  return new Process(name, `${directory}/${name}${RUNTIMES[runtime]}`, args);
}
