// The page's files served from another origin than the gateway's, as someone does who only uses the gateway's transports.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';

const FILES = fileURLToPath(new URL('../../gateway/src/page/', import.meta.url));
const TYPES = { '.html': 'text/html', '.css': 'text/css', '.js': 'text/javascript', '.svg': 'image/svg+xml' };

/** Serves the page on a port of 127.0.0.1, a free one where none is given; its sessions go to `gateway`, an origin. */
export async function startPageElsewhere(gateway, port = 0) {
  const server = createServer(async (request, response) => {
    const name = request.url === '/' ? 'index.html' : request.url.slice(1);
    if (!/^[a-z-]+\.[a-z]+$/.test(name)) {
      response.writeHead(404).end();
      return;
    }
    try {
      let text = await readFile(FILES + name, 'utf8');
      if (name === 'index.html') text = text.replace('<meta name="gateway" content="/">', `<meta name="gateway" content="${gateway}/">`);
      response.writeHead(200, { 'Content-Type': `${TYPES[extname(name)]}; charset=utf-8` }).end(text);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => { server.listen(port, '127.0.0.1', resolve); });
  return {
    port: server.address().port,
    end: () => new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    }),
  };
}
