// nginx and HAProxy in front of a server on 127.0.0.1, with no more in their configuration than passing it on takes:
// buffering, connections and limits are as they come. `more` tells the server who the client is, as their manuals have it.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, Process, temporaryDirectory } from './processes.js';

/** What each of them takes, with a free port to listen on, a port to pass on to, and a directory of its own. */
const proxies = {
  // Where nginx is root, its workers are somebody else, who may not enter the directory.
  nginx: (port, upstream, directory, more) => ({
    config: `
${process.getuid() === 0 ? 'user root;' : ''}
pid ${directory}/nginx.pid;
error_log stderr;
events {}
http {
  access_log off;
  client_body_temp_path ${directory}/body;
  proxy_temp_path ${directory}/proxy;
  fastcgi_temp_path ${directory}/fastcgi;
  uwsgi_temp_path ${directory}/uwsgi;
  scgi_temp_path ${directory}/scgi;
  ${more.http ?? ''}
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://127.0.0.1:${upstream};
      ${more.location ?? ''}
    }
    location /xmpp-websocket {
      proxy_pass http://127.0.0.1:${upstream};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
      ${more.location ?? ''}
    }
  }
}
`,
    args: (file) => ['-g', 'daemon off;', '-c', file, '-p', directory],
  }),
  // HAProxy itself has no timeouts: these are those of Debian's haproxy.cfg.
  haproxy: (port, upstream, _, more) => ({
    config: `
defaults
  mode ${more.mode ?? 'http'}
  timeout connect 5s
  timeout client 50s
  timeout server 50s
frontend web
  bind 127.0.0.1:${port}
  ${more.frontend ?? ''}
  default_backend xmpp
backend xmpp
  server xmpp 127.0.0.1:${upstream} ${more.server ?? ''}
`,
    args: (file) => ['-db', '-f', file],
  }),
};

export const PROXIES = Object.keys(proxies);

/** Starts one of `PROXIES`, in the foreground, in front of a port of 127.0.0.1. */
export async function startProxy(name, upstream, more = {}) {
  const port = await freePort();
  const directory = temporaryDirectory(name);
  const file = join(directory, `${name}.conf`);
  const { config, args } = proxies[name](port, upstream, directory, more);
  writeFileSync(file, config);
  const proxy = new Process(name, name, args(file));
  await proxy.listening(port);
  return {
    bosh: `http://127.0.0.1:${port}/http-bind`,
    websocket: `ws://127.0.0.1:${port}/xmpp-websocket`,
    end: () => proxy.end(),
  };
}
