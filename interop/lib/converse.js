// Converse.js in pages of a browser: its files from npm on a page of our own, and what it received.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from './until.js';

const root = fileURLToPath(new URL('../node_modules/converse.js/', import.meta.url));
const types = { '.js': 'text/javascript', '.css': 'text/css', '.json': 'application/json', '.svg': 'image/svg+xml' };
const PAGE = `<!doctype html><meta charset="utf-8"><title>Converse.js</title><link rel="icon" href="data:,">
<link rel="stylesheet" href="/dist/converse.min.css"><script type="module" src="/dist/converse.min.js"></script><body></body>`;

export async function servePages() {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost');
    try {
      if (pathname !== '/' && !pathname.startsWith('/dist/')) throw new Error('not a file of Converse.js');
      const content = pathname === '/' ? PAGE : await readFile(root + pathname);
      response.setHeader('Content-Type', pathname === '/' ? 'text/html' : types[extname(pathname)] ?? 'application/octet-stream');
      response.end(content);
    } catch {
      response.statusCode = 404;
      response.end();
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    end: () => new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    }),
  };
}

/** A signed-in Converse.js in a page of its own; `transport` is `bosh` or `websocket`. */
export async function openConverse(context, pages, { transport, url, jid, password }) {
  const page = await context.newPage();
  // Loopback only: Converse.js looks for other things on the network.
  await page.route((address) => address.hostname !== '127.0.0.1', (route) => route.abort());
  await page.goto(pages.url);
  await page.waitForFunction(() => window.converse);
  await page.evaluate(async ([key, service, account, secret]) => {
    window.happened = [];
    window.converse.plugins.add('probe', {
      initialize() {
        window.api = this._converse.api;
        for (const name of ['connected', 'reconnected', 'will-reconnect', 'disconnected', 'logout', 'rosterContactsFetched']) {
          window.api.listen.on(name, () => window.happened.push(name));
        }
      },
    });
    await window.converse.initialize({
      [key]: service, authentication: 'login', auto_login: true, jid: account, password: secret, assets_path: '/dist/', i18n: 'en',
      whitelisted_plugins: ['probe'], discover_connection_methods: false, loglevel: 'fatal', view_mode: 'fullscreen',
      persistent_store: 'sessionStorage', auto_reconnect: true,
    });
  }, [transport === 'bosh' ? 'bosh_service_url' : 'websocket_url', url, jid, password]);
  const happened = (name, count = 1) => page.waitForFunction(
    ([wanted, least]) => window.happened.filter((each) => each === wanted).length >= least, [name, count],
  );
  await happened('rosterContactsFetched');
  return {
    page,
    happened,
    roster: () => page.evaluate(async () => (await window.api.contacts.get()).map((contact) => contact.get('jid'))),
    send: (to, bodies) => page.evaluate(async ([whom, texts]) => {
      const chat = await window.api.chats.open(whom, {}, true);
      for (const body of texts) await chat.sendMessage({ body });
    }, [to, bodies]),
    /** The bodies that came from `from`, once there are `count`. */
    received: (from, count) => until(`${count} messages`, () => page.evaluate(async ([whom, least]) => {
      const chat = await window.api.chats.get(whom);
      const theirs = (chat?.messages ?? []).filter((message) => message.get('sender') === 'them').map((message) => message.get('body'));
      return theirs.length >= least ? theirs : null;
    }, [from, count])),
    logout: async () => {
      await page.evaluate(() => window.api.user.logout());
      await happened('logout');
      await page.close();
    },
  };
}
