// Whose address counts: clients that lie behind nginx and HAProxy as their manuals configure them, and servers that ban addresses.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import * as ejabberd from '../lib/ejabberd.js';
import { startGateway } from '../lib/gateway.js';
import * as prosody from '../lib/prosody.js';
import { startProxy } from '../lib/proxies.js';
import { signIn, TRANSPORTS } from '../lib/sign-in.js';
import { until } from '../lib/until.js';

const timeout = 60000;
const CLIENT = '127.0.0.7';
const VICTIM = '203.0.113.9';
const LIES = {
  Forwarded: `for=${VICTIM};proto=https`,
  'X-Forwarded-For': VICTIM,
  'X-Real-IP': VICTIM,
  'CF-Connecting-IP': VICTIM,
  'X-Forwarded-Proto': 'https',
};

// From https://docs.nginx.com and https://www.nginx.com/resources/wiki/start/topics/examples/forwarded/, and from HAProxy's configuration manual.
const NGINX_FORWARDED = String.raw`
  map $remote_addr $proxy_forwarded_elem {
    ~^[0-9.]+$        "for=$remote_addr";
    ~^[0-9A-Fa-f:.]+$ "for=\"[$remote_addr]\"";
    default           "for=unknown";
  }
  map $http_forwarded $proxy_add_forwarded {
    "~^(,[ \\t]*)*([!#$%&'*+.^_\`|~0-9A-Za-z-]+=([!#$%&'*+.^_\`|~0-9A-Za-z-]+|\"([\\t \\x21\\x23-\\x5B\\x5D-\\x7E\\x80-\\xFF]|\\\\[\\t \\x21-\\x7E\\x80-\\xFF])*\"))?(;([!#$%&'*+.^_\`|~0-9A-Za-z-]+=([!#$%&'*+.^_\`|~0-9A-Za-z-]+|\"([\\t \\x21\\x23-\\x5B\\x5D-\\x7E\\x80-\\xFF]|\\\\[\\t \\x21-\\x7E\\x80-\\xFF])*\"))?)*([ \\t]*,([ \\t]*([!#$%&'*+.^_\`|~0-9A-Za-z-]+=([!#$%&'*+.^_\`|~0-9A-Za-z-]+|\"([\\t \\x21\\x23-\\x5B\\x5D-\\x7E\\x80-\\xFF]|\\\\[\\t \\x21-\\x7E\\x80-\\xFF])*\"))?(;([!#$%&'*+.^_\`|~0-9A-Za-z-]+=([!#$%&'*+.^_\`|~0-9A-Za-z-]+|\"([\\t \\x21\\x23-\\x5B\\x5D-\\x7E\\x80-\\xFF]|\\\\[\\t \\x21-\\x7E\\x80-\\xFF])*\"))?)*)?)*$" "$http_forwarded, $proxy_forwarded_elem";
    default "$proxy_forwarded_elem";
  }`;

const ways = [
  {
    name: 'nginx, X-Forwarded-For and X-Forwarded-Proto',
    proxy: 'nginx',
    more: { location: 'proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;' },
    http: "client_scheme = 'x-forwarded-proto'",
    plain: false,
  },
  {
    name: 'nginx, X-Real-IP',
    proxy: 'nginx',
    more: { location: 'proxy_set_header X-Real-IP $remote_addr;' },
    http: "client_address = 'x-real-ip'",
    plain: true,
  },
  {
    name: 'nginx, Forwarded',
    proxy: 'nginx',
    more: { http: NGINX_FORWARDED, location: 'proxy_set_header Forwarded "$proxy_add_forwarded;proto=$scheme";' },
    http: "client_address = 'forwarded'\nclient_scheme = 'forwarded'",
    plain: false,
  },
  {
    name: 'HAProxy, option forwardfor and X-Forwarded-Proto',
    proxy: 'haproxy',
    more: { frontend: 'option forwardfor\n  http-request set-header X-Forwarded-Proto http' },
    http: "client_scheme = 'x-forwarded-proto'",
    plain: false,
  },
  {
    name: 'HAProxy, send-proxy-v2',
    proxy: 'haproxy',
    more: { mode: 'tcp', server: 'send-proxy-v2' },
    http: "client_address = 'proxy-protocol'",
    listener: 'proxy_protocol = true',
    plain: true,
  },
  {
    name: 'HAProxy, send-proxy',
    proxy: 'haproxy',
    more: { mode: 'tcp', server: 'send-proxy' },
    http: "client_scheme = 'x-forwarded-proto'",
    listener: 'proxy_protocol = true',
    plain: true,
  },
];

for (const { name, proxy, more, http, listener = '', plain } of ways) {
  describe(`a client that lies, ${name}`, () => {
    let gateway;
    let through;
    before(async () => {
      gateway = await startGateway({}, `[http]\ntrusted_proxies = ['127.0.0.1']\n${http}`, { listener });
      through = await startProxy(proxy, gateway.port, more);
    }, { timeout });
    after(async () => {
      await through?.end();
      await gateway?.end();
    });

    for (const transport of TRANSPORTS) {
      for (const lie of [...Object.keys(LIES), 'all']) {
        it(`${transport}, ${lie}: neither its address nor its channel is what it says`, { timeout }, async () => {
          const fields = lie === 'all' ? LIES : { [lie]: LIES[lie] };
          const seen = gateway.log().length;
          const found = await signIn(transport, through[transport], { domain: 'localhost', from: CLIENT, fields });
          assert.equal(found.plain, plain);
          const line = await until('session opened', () => gateway.log().slice(seen).split('\n').find((text) => text.includes('session opened')));
          assert.match(line, new RegExp(`source=(Some\\()?${CLIENT.replaceAll('.', '\\.')}\\b`));
          assert.ok(!gateway.log().includes(VICTIM), gateway.log());
        });
      }
    }
  });
}

describe('Prosody, failed logins at the gateway', () => {
  let server;
  let gateway;
  before(async () => {
    server = await prosody.startProsody();
    const more = "[http]\ntrusted_proxies = ['127.0.0.1']\n[logins]\nfailures_per_address = 4";
    gateway = await startGateway({ [prosody.DOMAIN]: server.port }, more);
  }, { timeout });
  after(async () => {
    await gateway?.end();
    await server?.end();
  });

  const guessers = { bosh: '192.0.2.1', websocket: '2001:db8::1' };
  for (const transport of TRANSPORTS) {
    it(`${transport}: a guesser is refused, and everybody else signs in`, { timeout }, async () => {
      const attempt = (address, password) => signIn(transport, gateway[transport], {
        domain: prosody.DOMAIN,
        password,
        fields: { 'X-Forwarded-For': address },
      });
      const right = prosody.ACCOUNTS.juliet;
      for (let guess = 0; guess < 4; guess += 1) {
        assert.equal((await attempt(guessers[transport], 'guess')).outcome, 'not-authorized');
      }
      assert.equal((await attempt(guessers[transport], right)).outcome, 'policy-violation');
      for (const address of ['192.0.2.77', '2001:db8:77::1']) {
        assert.equal((await attempt(address, right)).outcome, 'success');
      }
    });
  }
});

/** A gateway that tells the server of its clients, whose addresses this suite tells as a trusted proxy. */
function telling(domain, port, version) {
  const more = "[http]\ntrusted_proxies = ['127.0.0.1']";
  return startGateway({ [domain]: port }, more, { domain: `proxy_protocol = "${version}"` });
}

for (const version of ['v1', 'v2']) {
  describe(`ejabberd with use_proxy_protocol and mod_fail2ban, ${version}`, () => {
    let server;
    let gateway;
    before(async () => {
      server = await ejabberd.startEjabberd({ addresses: true });
      gateway = await telling(ejabberd.DOMAIN, server.port, version);
    }, { timeout: 120000 });
    after(async () => {
      await gateway?.end();
      await server?.end();
    });

    const guessers = { bosh: '192.0.2.1', websocket: '2001:db8::1' };
    for (const transport of TRANSPORTS) {
      it(`${transport}: a guesser is banned, and everybody else signs in`, { timeout }, async () => {
        const attempt = (address, password) => signIn(transport, gateway[transport], {
          domain: ejabberd.DOMAIN,
          password,
          fields: { 'X-Forwarded-For': address },
        });
        const right = prosody.ACCOUNTS.juliet;
        for (const outcome of ['not-authorized', 'not-authorized', 'policy-violation']) {
          assert.equal((await attempt(guessers[transport], 'guess')).outcome, outcome);
        }
        assert.equal((await attempt(guessers[transport], right)).outcome, 'policy-violation');
        for (const address of ['192.0.2.77', '2001:db8:77::1']) {
          assert.equal((await attempt(address, right)).outcome, 'success');
        }
      });
    }
  });

  describe(`Prosody with mod_net_proxy, ${version}`, { skip: prosody.HAS_NET_PROXY ? false : 'mod_net_proxy is not installed' }, () => {
    let server;
    let gateway;
    before(async () => {
      server = await prosody.startProsody({}, { addresses: true });
      gateway = await telling(prosody.DOMAIN, server.port, version);
    }, { timeout });
    after(async () => {
      await gateway?.end();
      await server?.end();
    });

    for (const transport of TRANSPORTS) {
      it(`${transport}: it is told the client's address`, { timeout }, async () => {
        for (const address of ['192.0.2.77', '2001:db8:77::1']) {
          const { outcome } = await signIn(transport, gateway[transport], {
            domain: prosody.DOMAIN,
            password: prosody.ACCOUNTS.juliet,
            fields: { 'X-Forwarded-For': address },
          });
          assert.equal(outcome, 'success');
          await until(address, () => server.log().includes(address));
        }
      });
    }
  });
}
