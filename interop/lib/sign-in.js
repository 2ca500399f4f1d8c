// Signing in by SASL PLAIN over either transport, in bytes of its own making: from an address of loopback, with fields of one's own.

import http from 'node:http';
import { WebSocket } from 'ws';

const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';

/** One attempt: `success`, the condition of a `<failure/>`, or what else ended it. `plain` says whether PLAIN was offered. */
export async function signIn(transport, url, { domain, user = 'juliet', password = 'wrong', from = '127.0.0.1', fields = {} }) {
  const initial = Buffer.from(`\0${user}\0${password}`).toString('base64');
  const auth = `<auth xmlns='${SASL}' mechanism='PLAIN'>${initial}</auth>`;
  return transport === 'bosh' ? overBosh(url, domain, auth, from, fields) : overWebSocket(url, domain, auth, from, fields);
}

export const TRANSPORTS = ['bosh', 'websocket'];

function judge(text) {
  if (text.includes('<success')) return 'success';
  const failure = text.match(/<failure [^>]*>\s*<([a-z-]+)/);
  if (failure !== null) return failure[1];
  const error = text.match(/<(policy-violation|not-authorized|internal-server-error)/);
  return error === null ? null : error[1];
}

async function overBosh(url, domain, auth, from, fields) {
  const agent = new http.Agent({ keepAlive: true, localAddress: from });
  const namespaces = "xmlns='http://jabber.org/protocol/httpbind' xmlns:xmpp='urn:xmpp:xbosh'";
  let rid = 1;
  const post = async (attributes, payload = '') => {
    const body = `<body rid='${rid++}' ${attributes} ${namespaces}>${payload}</body>`;
    const { status, text } = await request(url, body, agent, fields);
    return status === 200 ? text : `<status-${status}/>`;
  };
  try {
    let answer = await post(`to='${domain}' wait='5' hold='1' ver='1.6' xml:lang='en' xmpp:version='1.0' content='text/xml; charset=utf-8'`);
    const sid = answer.match(/ sid=['"]([^'"]+)['"]/)?.[1];
    while (sid !== undefined && !answer.includes('<mechanism') && !answer.includes('terminate')) answer = await post(`sid='${sid}'`);
    if (!answer.includes('<mechanism')) return { outcome: ended(answer), plain: false };
    const plain = answer.includes('>PLAIN<');
    answer = await post(`sid='${sid}'`, auth);
    while (judge(answer) === null && !answer.includes('terminate')) answer = await post(`sid='${sid}'`);
    const outcome = judge(answer) ?? ended(answer);
    await post(`sid='${sid}' type='terminate'`);
    return { outcome, plain };
  } finally {
    agent.destroy();
  }
}

function ended(answer) {
  return judge(answer) ?? answer.match(/ condition=['"]([^'"]+)['"]/)?.[1] ?? answer.match(/<(status-\d+)/)?.[1] ?? 'ended';
}

function request(url, body, agent, fields) {
  return new Promise((resolve, reject) => {
    const headers = { ...fields, 'Content-Type': 'text/xml; charset=utf-8', 'Content-Length': Buffer.byteLength(body) };
    const asked = http.request(url, { method: 'POST', agent, headers }, (response) => {
      response.setEncoding('utf8');
      let text = '';
      response.on('data', (piece) => { text += piece; });
      response.on('end', () => resolve({ status: response.statusCode, text }));
      response.on('error', reject);
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

function overWebSocket(url, domain, auth, from, fields) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, ['xmpp'], { localAddress: from, headers: fields });
    let plain = false;
    let outcome = null;
    socket.on('open', () => socket.send(`<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='${domain}' version='1.0'/>`));
    socket.on('message', (data) => {
      const text = String(data);
      if (text.includes('<mechanism')) {
        plain = text.includes('>PLAIN<');
        socket.send(auth);
      }
      outcome ??= judge(text);
      if (outcome !== null) socket.close();
    });
    socket.on('close', (code) => resolve({ outcome: outcome ?? `code-${code}`, plain }));
    socket.on('unexpected-response', (_, response) => {
      response.resume();
      resolve({ outcome: `status-${response.statusCode}`, plain: false });
    });
    socket.on('error', reject);
  });
}
