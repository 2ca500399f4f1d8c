// The demonstration page in Chromium: what a person does with it.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startChromium } from '../lib/chromium.js';
import { startGateway } from '../lib/gateway.js';
import {
  cut, disconnect, fill, lines, open, overhang, say, screenshotsTaken, shoot, state, story, tabTo,
} from '../lib/page-actions.js';
import { startPageElsewhere } from '../lib/page-elsewhere.js';
import { startPageTarget } from '../lib/page-target.js';
import { direct } from '../lib/prosody-target.js';

const timeout = 30000;
const BODIES = ['plain', `<b>bold?</b> & "quotes" <img src=x onerror=alert(1)>`, '漢字 🦀 العربية'];

let target;
let browser;
before(async () => {
  target = await startPageTarget();
  browser = await startChromium({ args: ['--host-resolver-rules=MAP other.test 127.0.0.1'] });
  browser.context.setDefaultTimeout(10000);
});
after(async () => {
  await browser?.end();
  await target?.end();
  if (screenshotsTaken() !== null) console.log(`screenshots: ${screenshotsTaken()}`);
});

const openPage = (options) => open(browser, target.origin, options);

async function connect(page, transport, name) {
  await fill(page, transport, target.domain, name);
  await state(page, 'online');
  return page;
}

for (const transport of ['BOSH', 'WebSocket']) {
  describe(`page, ${transport}`, () => {
    it('chats with the echo contact and disconnects', { timeout }, async () => {
      const page = await connect(await openPage(), transport, 'ada');
      for (const body of BODIES) await say(page, body);
      assert.deepEqual(await lines(page, 'own', BODIES.length), BODIES);
      assert.deepEqual(await lines(page, 'peer', BODIES.length), BODIES);
      assert.equal(await page.locator('#log img, #log b').count(), 0);
      await disconnect(page);
    });

    it('keeps the order of a hundred messages', { timeout }, async () => {
      const page = await connect(await openPage(), transport, 'ada');
      const sent = Array.from({ length: 100 }, (_, index) => `message ${index}`);
      await page.evaluate((texts) => {
        const input = document.getElementById('compose-text');
        for (const text of texts) {
          input.value = text;
          document.getElementById('compose').requestSubmit();
        }
      }, sent);
      assert.deepEqual(await lines(page, 'peer', 100), sent);
      await disconnect(page);
    });

    it('shows what crosses the wire, and no credentials', { timeout }, async () => {
      const page = await connect(await openPage(), transport, 'ada');
      const rows = page.locator('.wire tbody:visible tr');
      await rows.nth(4).waitFor();
      let shown = '';
      for (const row of await rows.all()) {
        await row.getByRole('button').click();
        shown += await page.locator('#detail').textContent();
      }
      assert.match(shown, /<auth [^>]*mechanism='PLAIN'>…</);
      assert.doesNotMatch(shown, new RegExp(Buffer.from('\0ada\0demonstration').toString('base64').slice(0, 20)));
      await disconnect(page);
    });

    it('says why a connection to an unknown domain failed', { timeout }, async () => {
      const page = await openPage();
      await page.getByLabel(transport, { exact: true }).check();
      await page.getByLabel('XMPP domain').fill('unknown.test');
      await page.getByRole('button', { name: 'Connect', exact: true }).click();
      await state(page, 'failed');
      assert.match(await page.locator('#status').textContent(), direct ? /host-unknown|improper-addressing/ : /host-unknown/);
      await page.close();
    });

    it('signs in anonymously', { timeout, skip: direct }, async () => {
      const page = await openPage();
      await page.getByLabel(transport, { exact: true }).check();
      await page.getByLabel('Anonymously').check();
      await page.getByRole('button', { name: 'Connect', exact: true }).click();
      await state(page, 'online');
      await say(page, 'who am I?');
      assert.deepEqual(await lines(page, 'peer', 1), ['who am I?']);
      await disconnect(page);
    });

    it('works by keyboard alone', { timeout }, async () => {
      const page = await openPage();
      await page.getByLabel('XMPP domain').fill(target.domain);
      await page.getByLabel('Name', { exact: true }).fill('ada');
      await page.locator('input[name="transport"]:checked').focus();
      if (transport === 'WebSocket') await page.keyboard.press('ArrowRight');
      // Transport, sign-in, domain, name, password, button.
      for (let index = 0; index < 5; index += 1) await page.keyboard.press('Tab');
      assert.equal(await page.evaluate(() => document.activeElement.id), 'connect-button');
      await page.keyboard.press('Enter');
      await state(page, 'online');
      // The message field has the focus once connected.
      await page.keyboard.type('typed');
      await page.keyboard.press('Enter');
      assert.deepEqual(await lines(page, 'peer', 1), ['typed']);
      // The wire: a row's XML, the time shown, a cut with the stay, the other transport, the end.
      await tabTo(page, 'cut-stay');
      await page.keyboard.press('Space');
      await page.keyboard.press('Shift+Tab');
      await page.keyboard.press('Enter');
      await state(page, 'recovering');
      await tabTo(page, 'span');
      await page.keyboard.press('ArrowDown');
      assert.equal(await page.locator('#span').inputValue(), '30');
      for (let index = 0; index < 3; index += 1) await page.keyboard.press('Tab');
      await page.keyboard.press('Enter');
      assert.doesNotMatch(await page.locator('#detail').textContent(), /Choose a row/);
      await state(page, 'online');
      await page.locator('.skip').focus();
      await tabTo(page, 'switch-button');
      await page.keyboard.press('Enter');
      await state(page, 'recovering');
      await state(page, 'online');
      assert.equal(await page.evaluate(() => document.activeElement.id), 'switch-button');
      await page.locator('.skip').focus();
      await page.keyboard.press('Enter');
      await tabTo(page, 'compose-text');
      await page.keyboard.type('typed again');
      await page.keyboard.press('Enter');
      assert.deepEqual(await lines(page, 'peer', 2), ['typed', 'typed again']);
      await page.locator('.skip').focus();
      await tabTo(page, 'disconnect-button');
      await page.keyboard.press('Enter');
      await state(page, 'offline');
      assert.equal(await page.evaluate(() => document.activeElement.id), 'connect-button');
      await page.close();
    });
  });
}

describe('page, two tabs', () => {
  it('lets two tabs talk, by BOSH and by WebSocket', { timeout }, async () => {
    const one = await connect(await openPage(), 'BOSH', 'ada');
    const other = await connect(await openPage(), 'WebSocket', 'grace');
    const grace = `grace@${target.domain}`;
    const ada = `ada@${target.domain}`;
    const contact = (page, address) => page.locator(`#contacts button[data-address="${address}"]`);
    if (direct) {
      await one.getByLabel('Write to another address').fill(grace);
      await one.keyboard.press('Enter');
    } else {
      // Presence brings them together.
      await contact(one, grace).locator('[data-online="true"]').waitFor();
      await contact(other, ada).locator('[data-online="true"]').waitFor();
      await contact(one, grace).click();
    }
    await say(one, 'hello from the first tab');
    await contact(other, ada).click();
    assert.deepEqual(await lines(other, 'peer', 1), ['hello from the first tab']);
    await say(other, 'hello from the second');
    assert.deepEqual(await lines(one, 'peer', 1), ['hello from the second']);
    await disconnect(other);
    if (!direct) await contact(one, grace).locator('[data-online="false"]').waitFor();
    await disconnect(one);
  });
});

describe('page, BOSH on a bad network', () => {
  it('sends the identical body again when a request is lost', { timeout }, async () => {
    const page = await connect(await openPage(), 'BOSH', 'ada');
    const lost = [];
    const seen = [];
    await page.route('**/http-bind', (route) => {
      const body = route.request().postData();
      seen.push(body);
      if (body.includes('<message') && lost.length < 2) {
        lost.push(body);
        return route.abort('connectionreset');
      }
      return route.continue();
    });
    await say(page, 'lost at first');
    assert.deepEqual(await lines(page, 'peer', 1), ['lost at first']);
    assert.equal(lost.length, 2);
    assert.equal(lost[0], lost[1]);
    assert.equal(seen.filter((body) => body === lost[0]).length, 3);
    await disconnect(page);
  });

  it('delivers once when an answer is lost', { timeout }, async () => {
    const page = await connect(await openPage(), 'BOSH', 'ada');
    let lost = 0;
    await page.route('**/http-bind', async (route) => {
      if (lost < 3) {
        lost += 1;
        await route.fetch().catch(() => {}); // the server has answered
        return route.abort('connectionreset').catch(() => {});
      }
      return route.continue().catch(() => {});
    });
    for (const body of ['one', 'two', 'three']) await say(page, body);
    await lines(page, 'peer', 3);
    await page.waitForTimeout(500);
    assert.deepEqual(await lines(page, 'peer', 3), ['one', 'two', 'three']);
    await disconnect(page);
  });
});

describe('page, a cut of the network', () => {
  // Prosody's own BOSH answers item-not-found after such cuts; the page then begins a new session.
  const during = ['while cut: one', 'while cut: two', 'while cut: three'];

  it('BOSH sends the identical bodies again and the session goes on', { timeout, skip: direct }, async () => {
    const page = await openPage();
    const bodies = [];
    page.on('request', (request) => {
      if (request.method() === 'POST') bodies.push(request.postData());
    });
    await connect(page, 'BOSH', 'ada');
    await say(page, 'before');
    await lines(page, 'peer', 1);
    // Long enough to be held.
    await page.locator('#exchanges tr[data-state="held"]').first().waitFor();
    await cut(page, { stay: true });
    await state(page, 'recovering');
    for (const text of during) await say(page, text);
    await shoot(page, 'cut-bosh-1200-light');
    const told = await story(page, 'The session goes on');
    await state(page, 'online');
    await lines(page, 'peer', 4);
    await page.waitForTimeout(500);
    assert.deepEqual(await lines(page, 'peer', 4), ['before', ...during]);
    const [, rid] = /with rid (\d+) was aborted/.exec(told);
    assert.match(told, new RegExp(`rid ${rid} is sent again, the identical \\d+ bytes`));
    const sent = bodies.filter((body) => body.includes(`rid='${rid}'`));
    assert.equal(sent.length, 2);
    assert.equal(sent[0], sent[1]);
    // All but the first, which creates the session, are of this one.
    assert.equal(new Set(bodies.slice(1).map((body) => / sid='([^']*)'/.exec(body)[1])).size, 1);
    const lane = page.locator('#exchanges tr').filter({ hasText: rid });
    assert.equal(await lane.getAttribute('data-sends'), '2');
    assert.equal(await lane.locator('.bar[data-outcome="lost"]').count(), 1);
    await lane.getByRole('button').click();
    assert.match(await page.locator('#detail').textContent(), /sent, lost after \d+ ms\n\S+ sent again, answered after \d+ ms\n\n<body /);
    await shoot(page, 'recovered-bosh-1200-light');
    await disconnect(page);
  });

  it('BOSH recovers from cut after cut', { timeout, skip: direct }, async () => {
    const page = await connect(await openPage(), 'BOSH', 'ada');
    const sent = Array.from({ length: 12 }, (_, index) => `message ${index}`);
    for (const [index, text] of sent.entries()) {
      await say(page, text);
      if (index % 3 === 0) await cut(page, { stay: false });
    }
    await lines(page, 'peer', sent.length);
    await page.waitForTimeout(500);
    assert.deepEqual(await lines(page, 'peer', sent.length), sent);
    await state(page, 'online');
    await disconnect(page);
  });

  it('BOSH receives once what was sent to it meanwhile', { timeout, skip: direct }, async () => {
    const one = await connect(await openPage(), 'BOSH', 'ada');
    const other = await connect(await openPage(), 'WebSocket', 'grace');
    const ada = other.locator(`#contacts button[data-address="ada@${target.domain}"]`);
    await ada.click();
    await cut(one, { stay: true });
    for (const text of during) await say(other, text);
    await one.locator(`#contacts button[data-address="grace@${target.domain}"]`).click();
    await lines(one, 'peer', 3);
    await one.waitForTimeout(500);
    assert.deepEqual(await lines(one, 'peer', 3), during);
    assert.equal(await other.locator('#log li.error').count(), 0);
    await disconnect(other);
    await disconnect(one);
  });

  it('WebSocket says that the connection was lost and connects again', { timeout }, async () => {
    const page = await connect(await openPage(), 'WebSocket', 'ada');
    await say(page, 'before');
    await lines(page, 'peer', 1);
    await cut(page, { stay: true });
    await state(page, 'recovering');
    for (const text of during) await say(page, text);
    assert.equal(await page.locator('#log li.own .mark').filter({ hasText: 'waits' }).count(), 3);
    await shoot(page, 'cut-websocket-1200-light');
    await state(page, 'online');
    await lines(page, 'peer', 4);
    await page.waitForTimeout(500);
    assert.deepEqual(await lines(page, 'peer', 4), ['before', ...during]);
    assert.match(await story(page, 'Connected by WebSocket'), /the socket is gone[^]*The page connects again/);
    const kinds = await page.locator('#frames td:nth-child(3)').allTextContents();
    assert.equal(kinds.filter((kind) => kind === 'connected').length, 2);
    assert.equal(kinds.filter((kind) => kind === 'dropped').length, 1);
    assert.equal(await page.locator('#log li.own .mark').filter({ hasText: 'waits' }).count(), 0);
    await shoot(page, 'recovered-websocket-1200-light');
    await disconnect(page);
  });

  for (const transport of ['BOSH', 'WebSocket']) {
    it(`lets a person give up, ${transport}`, { timeout }, async () => {
      const page = await connect(await openPage(), transport, 'ada');
      await cut(page, { stay: true });
      await state(page, 'recovering');
      await page.getByRole('button', { name: 'Disconnect' }).click();
      await state(page, 'offline');
      await page.waitForTimeout(5500);
      await state(page, 'offline');
      // And begin again, by the form.
      await page.getByRole('button', { name: 'Connect', exact: true }).click();
      await state(page, 'online');
      await disconnect(page);
    });
  }
});

describe('page, switch of transport', () => {
  it('ends one session cleanly and begins another by the other transport, both ways', { timeout }, async () => {
    const page = await openPage();
    const bodies = [];
    const frames = [];
    page.on('request', (request) => bodies.push(request.postData() ?? ''));
    page.on('websocket', (socket) => socket.on('framesent', ({ payload }) => frames.push(payload)));
    await connect(page, 'BOSH', 'ada');
    await say(page, 'by BOSH');
    await lines(page, 'peer', 1);
    await page.getByRole('button', { name: 'Switch to WebSocket' }).click();
    await page.locator('#status').filter({ hasText: /^Connected as ada@\S+ by WebSocket$/ }).waitFor();
    assert.equal(bodies.filter((body) => body.includes("type='terminate'")).length, 1);
    await say(page, 'by WebSocket');
    await lines(page, 'peer', 2);
    assert.equal(frames.filter((frame) => frame.startsWith('<message')).length, 1);
    await page.getByRole('button', { name: 'Switch to BOSH' }).click();
    await page.locator('#status').filter({ hasText: /^Connected as ada@\S+ by BOSH$/ }).waitFor();
    assert.equal(frames.filter((frame) => frame.startsWith('<close')).length, 1);
    await say(page, 'by BOSH again');
    assert.deepEqual(await lines(page, 'peer', 3), ['by BOSH', 'by WebSocket', 'by BOSH again']);
    await disconnect(page);
  });
});

describe('page, from another origin', { skip: direct }, () => {
  let strict;
  let listing;
  const elsewhere = [];
  before(async () => {
    strict = await startGateway();
    elsewhere.push(await startPageElsewhere(strict.origin));
    const page = await startPageElsewhere('http://127.0.0.1:1');
    await page.end();
    listing = await startGateway({}, `[websocket]\norigins = ["http://other.test:${page.port}"]\n`);
    elsewhere.push(await startPageElsewhere(listing.origin, page.port));
  });
  after(async () => {
    for (const server of elsewhere) await server.end();
    await strict?.end();
    await listing?.end();
  });

  async function chats(origin, transport) {
    const page = await open(browser, origin);
    await fill(page, transport, 'localhost', 'ada');
    await state(page, 'online');
    await say(page, 'from elsewhere');
    assert.deepEqual(await lines(page, 'peer', 1), ['from elsewhere']);
    await disconnect(page);
  }

  async function isRefused(origin) {
    const page = await open(browser, origin);
    await fill(page, 'WebSocket', 'localhost', 'ada');
    await state(page, 'failed');
    await page.close();
    assert.match(browser.complaints.splice(0).join('\n'), /Unexpected response code: 403/);
  }

  for (const transport of ['BOSH', 'WebSocket']) {
    it(`reaches the gateway from another port of the same host, ${transport}`, { timeout }, async () => {
      await chats(`http://127.0.0.1:${elsewhere[0].port}`, transport);
    });
  }

  it('reaches the gateway from another host by BOSH alone', { timeout }, async () => {
    await chats(`http://other.test:${elsewhere[0].port}`, 'BOSH');
    await isRefused(`http://other.test:${elsewhere[0].port}`);
  });

  it('reaches the gateway by both from the origin that is listed, and from no other', { timeout }, async () => {
    for (const transport of ['BOSH', 'WebSocket']) await chats(`http://other.test:${elsewhere[1].port}`, transport);
    await isRefused(`http://127.0.0.1:${elsewhere[1].port}`);
  });
});

describe('page, how it looks', () => {
  for (const transport of ['BOSH', 'WebSocket']) {
    for (const scheme of ['light', 'dark']) {
      for (const width of [360, 1200]) {
        it(`scrolls nothing sideways at ${width} px, ${scheme}, ${transport}`, { timeout }, async () => {
          const page = await openPage({ width, height: width === 360 ? 740 : 900, scheme });
          await connect(page, transport, 'ada');
          await say(page, 'x'.repeat(300));
          await lines(page, 'peer', 1);
          await page.waitForTimeout(500);
          await cut(page, { stay: false });
          await story(page, transport === 'BOSH' ? 'The session goes on' : 'Connected by WebSocket');
          await state(page, 'online');
          for (const text of ['a word', 'and another']) await say(page, text);
          await lines(page, 'peer', 3);
          await page.locator('.wire tbody:visible tr').nth(2).getByRole('button').click();
          await page.waitForTimeout(800);
          assert.deepEqual(await overhang(page), []);
          await shoot(page, `page-${transport.toLowerCase()}-${width}-${scheme}`);
          await disconnect(page);
        });
      }
    }
  }

  it('keeps its history within sixty rows', { timeout }, async () => {
    const page = await connect(await openPage(), 'WebSocket', 'ada');
    for (let index = 0; index < 70; index += 1) await say(page, `message ${index}`);
    await lines(page, 'peer', 70);
    assert.equal(await page.locator('#frames tr').count(), 60);
    assert.equal(await page.locator('#strip .mark').count(), 60);
    await disconnect(page);
  });

  it('has complained about nothing: no script error, nothing that the security policy refused', { timeout }, () => {
    // Lost exchanges of the tests above are what the browser itself reports.
    assert.deepEqual(browser.complaints.filter((text) => !/ERR_CONNECTION_RESET|ERR_FAILED/.test(text)), []);
  });
});
