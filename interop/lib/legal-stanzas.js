// Random stanzas that are legal for a client to send (RFC 6120, XML 1.0, Namespaces in XML), of every kind that servers serialise in ways of their
// own. The same seed gives the same stanzas.

/** Numbers from 0 to 1 (mulberry32). */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const RANGES = [[0x20, 0x7e], [0x7f, 0x9f], [0xa0, 0xd7ff], [0xe000, 0xfffd], [0x10000, 0x10ffff]];
// Of the fourth edition of XML 1.0 too, which expat knows.
const LETTERS = 'abcxyzABC_éßαжא日語';
const URIS = ['u:1', 'u:2', 'urn:ünï', 'http://example.com/?a=b&amp;c', 'jabber:x:data', 'jabber:server'];

class Generator {
  constructor(next) {
    this.next = next;
  }

  below(count) {
    return Math.floor(this.next() * count);
  }

  chance(share) {
    return this.next() < share;
  }

  pick(list) {
    return list[this.below(list.length)];
  }

  name(long = false) {
    const length = long ? 200 + this.below(900) : 1 + this.below(6);
    return Array.from({ length }, (_, at) => (at > 0 && this.chance(0.2) ? this.pick('0123-.·') : this.pick(LETTERS))).join('');
  }

  character(quote) {
    const special = this.below(12);
    if (special === 0) return this.pick(['&amp;', '&lt;', '&gt;', '&quot;', '&apos;', '&#13;', '&#9;', '&#x10FFFF;', '&#38;', '\t', '\n']);
    const [from, to] = this.pick(RANGES);
    const code = from + this.below(to - from + 1);
    const character = String.fromCodePoint(code);
    if (character === '&') return '&amp;';
    if (character === '<') return '&lt;';
    if (character === '>') return '&gt;';
    return character === quote ? '&#39;&#34;' : character;
  }

  text(length, quote = '') {
    return Array.from({ length }, () => this.character(quote)).join('');
  }

  value() {
    const quote = this.pick(['"', "'"]);
    return quote + this.text(this.below(8), quote) + quote;
  }

  declaration(prefix) {
    return ` xmlns:${prefix}='${prefix === 'xml' ? 'http://www.w3.org/XML/1998/namespace' : this.pick(URIS)}'`;
  }

  /** What stands in a tag, and the prefixes that are in force inside. */
  attributes(prefixes) {
    const here = new Map(prefixes);
    let written = '';
    const declared = new Set();
    const some = this.chance(0.02) ? 28 + this.below(14) : this.below(3);
    for (let at = 0; at < some; at += 1) {
      const prefix = some > 3 ? `m${at}` : this.pick(['p', 'q', 'é', 'x-y', 'stream', 'xml']);
      if (declared.has(prefix)) continue;
      declared.add(prefix);
      const declaration = this.declaration(prefix);
      if (prefix !== 'xml') here.set(prefix, declaration.split("'")[1]);
      written += declaration;
    }
    const many = this.chance(0.02) ? 50 + this.below(40) : this.below(4);
    for (let at = 0; at < many; at += 1) {
      const prefix = here.size > 0 && this.chance(0.5) ? `${this.pick([...here.keys()])}:` : '';
      written += ` ${prefix}${this.name(this.chance(0.002))}_${at}=${this.value()}`;
    }
    // The same local name in two namespaces.
    const [one, other] = [...here.keys()];
    if (other !== undefined && here.get(one) !== here.get(other)) written += ` ${one}:same='1' ${other}:same='2' same='3'`;
    for (const special of ['xml:lang="fr"', "xml:space='preserve'", "xml:base='u:b'", "xml:id='i'"]) {
      if (this.chance(0.05)) written += ` ${special}`;
    }
    return [written, here];
  }

  element(prefixes, depth) {
    const [attributes, here] = this.attributes(prefixes);
    const prefix = here.size > 0 && this.chance(0.3) ? `${this.pick([...here.keys()])}:` : '';
    const name = prefix + this.name(this.chance(0.002));
    const bare = prefix === '' && this.chance(0.6) ? ` xmlns=${this.pick(["''", "'u:d'", "'u:e'"])}` : '';
    if (depth === 0 && this.chance(0.3)) return `<${name}${bare}${attributes}/>`;
    let inside = this.chance(0.7) ? this.text(this.below(12)) : '';
    if (this.chance(0.1)) inside += `<![CDATA[<&${this.pick(['', ']]', '&quot;', '<x:y>'])}]]>`;
    for (let at = depth > 0 ? 1 + this.below(2) : 0; at > 0; at -= 1) inside += this.element(here, at === 1 ? depth - 1 : Math.min(depth - 1, 1));
    return `<${name}${bare}${attributes}>${inside}</${name}>`;
  }

  stanza(to, id) {
    const kind = this.below(20);
    const [tag, type] = kind < 16 ? ['message', 'chat'] : kind < 18 ? ['presence', null] : kind < 19 ? ['iq', 'set'] : ['iq', 'result'];
    const address = ` to='${to}' id='${id}'${type === null ? '' : ` type='${type}'`}`;
    const [attributes, prefixes] = this.chance(0.6) ? this.attributes(new Map()) : ['', new Map()];
    // No unknown attributes without a prefix on the stanza itself: servers may take them for theirs.
    const declarations = attributes.match(/ xmlns:[^=]+='[^']*'/g) ?? [];
    const deep = this.chance(0.03) ? 40 + this.below(60) : this.below(5);
    // What a server writes as references is six times as long behind it.
    const size = this.chance(0.002) ? 200000 : this.chance(0.01) ? 20000 : 0;
    const body = tag === 'message' ? `<body>${size > 50000 ? "'".repeat(size) : this.text(size / 4 + this.below(20))}</body>` : '';
    // A request or answer has one child at most.
    const inside = tag === 'iq' ? `<query xmlns='u:query'>${this.element(prefixes, deep)}</query>` : body + this.element(prefixes, deep);
    return `<${tag}${address}${declarations.join('')}>${inside}</${tag}>`;
  }
}

/** So many stanzas, with the ids g0, g1, ... */
export function legalStanzas(seed, count, to) {
  const generator = new Generator(random(seed));
  return Array.from({ length: count }, (_, at) => generator.stanza(to, `g${at}`));
}
