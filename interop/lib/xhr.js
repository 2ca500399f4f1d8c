// XMLHttpRequest over node:http, as far as Strophe.js uses it: Node.js has none.
// Connections are kept alive and shared without limit, as a browser shares them on HTTP/1.1 up to six.

import http from 'node:http';

const agent = new http.Agent({ keepAlive: true, maxSockets: Infinity });

export class XMLHttpRequest {
  static exchanges = 0;
  readyState = 0;
  status = 0;
  responseText = '';
  onreadystatechange = null;
  #method = 'GET';
  #url = '';
  #headers = {};
  #request = null;
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
    const request = http.request(this.#url, {
      method: this.#method,
      agent,
      headers: { ...this.#headers, 'Content-Length': bytes.length },
    });
    this.#request = request;
    request.on('response', (response) => {
      const chunks = [];
      this.status = response.statusCode;
      this.#received = response.headers;
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => {
        if (this.#request !== request) return;
        this.responseText = Buffer.concat(chunks).toString('utf8');
        this.#request = null;
        this.#become(4);
      });
      response.on('error', () => this.#fail(request));
    });
    request.on('error', () => this.#fail(request));
    request.end(bytes);
  }

  abort() {
    const request = this.#request;
    this.#request = null;
    this.readyState = 0;
    request?.destroy();
  }

  #fail(request) {
    if (this.#request !== request) return;
    this.#request = null;
    this.status = 0;
    this.#become(4);
  }

  #become(state) {
    this.readyState = state;
    this.onreadystatechange?.();
  }
}
