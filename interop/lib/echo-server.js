// The example `ws_echo_server`, with compression or without.

import { fileURLToPath } from 'node:url';
import { freePort, Process } from './processes.js';

const binary = process.env.INTEROP_ECHO ?? fileURLToPath(new URL('../../target/debug/examples/ws_echo_server', import.meta.url));

export async function startEchoServer({ compression }) {
  const port = await freePort();
  const server = new Process('echo', binary, [`127.0.0.1:${port}`, ...(compression ? [] : ['plain'])]);
  await server.listening(port);
  return { url: `ws://127.0.0.1:${port}/`, end: () => server.end() };
}
