// XMLHttpRequest over node:http, as far as Strophe.js uses it: Node.js has none.
// Connections are kept alive and shared without limit, as a browser shares them on HTTP/1.1 up to six.
//
// Sockets that are ready at once are read in any order, and Strophe.js takes answers as they come. So an answer waits a moment for those to
// earlier requests of its BOSH session; a server that answers out of order by more than that is still noticed.

import http from 'node:http';

const MOMENT_MS = 20;

const agent = new http.Agent({ keepAlive: true, maxSockets: Infinity });

export class XMLHttpRequest {
  static exchanges = 0;
  static #asked = []; // in the order of their requests, not answered yet
  readyState = 0;
  status = 0;
  responseText = '';
  onreadystatechange = null;
  #method = 'GET';
  #url = '';
  #headers = {};
  #request = null;
  #sid;
  #received = {};

  open(method, url) {
    this.#method = method;
    this.#url = url;
    this.#become(1);
  }

  setRequestHeader(name, value) {
    this.#headers[name] = value;
  }

  getAllResponseHeaders() {
    return Object.entries(this.#received).map(([name, value]) => `${name}: ${value}\r\n`).join('');
  }

  getResponseHeader(name) {
    return this.#received[name.toLowerCase()] ?? null;
  }

  get responseXML() {
    if (this.responseText === '' || !/xml/.test(this.#received['content-type'] ?? '')) return null;
    return new DOMParser().parseFromString(this.responseText, 'text/xml');
  }

  send(body) {
    XMLHttpRequest.exchanges += 1;
    const bytes = Buffer.from(body ?? '', 'utf8');
    this.#sid = /\bsid=['"]([^'"]+)/.exec(body)?.[1];
    const request = http.request(this.#url, {
      method: this.#method,
      agent,
      headers: { ...this.#headers, 'Content-Length': bytes.length },
    });
    this.#request = request;
    XMLHttpRequest.#asked.push(this);
    request.on('response', (response) => {
      const chunks = [];
      this.status = response.statusCode;
      this.#received = response.headers;
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => {
        if (this.#request !== request) return;
        this.responseText = Buffer.concat(chunks).toString('utf8');
        this.#deliver(request);
      });
      response.on('error', () => this.#fail(request));
    });
    request.on('error', () => this.#fail(request));
    request.end(bytes);
  }

  /** Hands the answer over, behind those to earlier requests if they come in time. */
  #deliver(request, since = Date.now()) {
    if (this.#request !== request) return;
    const earlier = XMLHttpRequest.#asked.slice(0, XMLHttpRequest.#asked.indexOf(this)).some((other) => other.#sid === this.#sid);
    if (earlier && Date.now() - since < MOMENT_MS) {
      setTimeout(() => this.#deliver(request, since), 1);
      return;
    }
    this.#over();
    this.#become(4);
  }

  #over() {
    this.#request = null;
    XMLHttpRequest.#asked = XMLHttpRequest.#asked.filter((other) => other !== this);
  }

  abort() {
    const request = this.#request;
    this.#over();
    this.readyState = 0;
    request?.destroy();
  }

  #fail(request) {
    if (this.#request !== request) return;
    this.#over();
    this.status = 0;
    this.#become(4);
  }

  #become(state) {
    this.readyState = state;
    this.onreadystatechange?.();
  }
}
