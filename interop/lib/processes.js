// Starts the peers of a suite, waits until they listen, and ends them by the process id that it kept.
// Each id, and the suite's own, is also written to INTEROP_PIDS, so that `interop/run` ends what an interruption leaves behind.

import { spawn } from 'node:child_process';
import { createWriteStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const logs = process.env.INTEROP_LOGS ?? tmpdir();
const pids = process.env.INTEROP_PIDS ?? null;
const running = new Set();

export class Process {
  #child;
  exited;

  constructor(name, command, args, { env = {} } = {}) {
    this.name = name;
    const log = createWriteStream(join(logs, `${name}-${process.pid}-${started}.log`));
    started += 1;
    this.#child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    this.output = '';
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text) => {
        log.write(text);
        this.output = (this.output + text).slice(-65536);
      });
    }
    this.exited = new Promise((resolve) => {
      this.#child.once('error', (error) => resolve({ code: null, signal: null, error }));
      this.#child.once('exit', (code, signal) => resolve({ code, signal }));
    });
    if (this.#child.pid !== undefined && pids !== null) writeFileSync(join(pids, String(this.#child.pid)), name);
    running.add(this);
    this.exited.then(() => {
      running.delete(this);
      // What it started itself may still hold its output, and with it this process.
      setTimeout(() => {
        this.#child.stdout?.destroy();
        this.#child.stderr?.destroy();
      }, 500).unref();
      if (this.#child.pid !== undefined && pids !== null) rmSync(join(pids, String(this.#child.pid)), { force: true });
    });
  }

  signal(name) {
    this.#child.kill(name);
  }

  /** SIGTERM, and SIGKILL for what has not ended after five seconds. */
  async end() {
    if (!running.has(this)) return this.exited;
    this.signal('SIGTERM');
    const timer = setTimeout(() => this.signal('SIGKILL'), 5000);
    const status = await this.exited;
    clearTimeout(timer);
    return status;
  }

  /** Waits until the port accepts; fails at once when the process ended instead. */
  async listening(port, { seconds = 20 } = {}) {
    const deadline = Date.now() + seconds * 1000;
    let ended = null;
    this.exited.then((status) => { ended = status; });
    while (Date.now() < deadline) {
      if (ended !== null) throw new Error(`${this.name} ended (${JSON.stringify(ended)}):\n${this.output.slice(-2000)}`);
      if (await accepts(port)) return;
      await sleep(50);
    }
    throw new Error(`${this.name} does not listen on ${port} after ${seconds} s:\n${this.output.slice(-2000)}`);
  }
}

let started = 0;

if (pids !== null) writeFileSync(join(pids, String(process.pid)), 'suite');
process.on('exit', () => {
  for (const child of running) child.signal('SIGKILL');
  if (pids !== null) rmSync(join(pids, String(process.pid)), { force: true });
});
for (const name of ['SIGINT', 'SIGTERM']) process.on(name, () => process.exit(1));

export function sleep(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** A port of 127.0.0.1 that was free a moment ago. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

export function temporaryDirectory(name) {
  const directory = mkdtempSync(join(tmpdir(), `xmpp-web-${name}-`));
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const end = (answer) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
    socket.setTimeout(1000, () => end(false));
  });
}
