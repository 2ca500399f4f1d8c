// The demonstration page in Chromium: what a person does with it.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startChromium } from '../lib/chromium.js';
import { startPageTarget } from '../lib/page-target.js';
import { direct } from '../lib/prosody-target.js';

const timeout = 30000;
const BODIES = ['plain', `<b>bold?</b> & "quotes" <img src=x onerror=alert(1)>`, '漢字 🦀 العربية'];

let target;
let browser;
before(async () => {
  target = await startPageTarget();
  browser = await startChromium();
  browser.context.setDefaultTimeout(10000);
});
after(async () => {
  await browser?.end();
  await target?.end();
});

async function openPage({ width = 1200, height = 900 } = {}) {
  const page = await browser.context.newPage();
  await page.setViewportSize({ width, height });
  await page.goto(target.origin);
  return page;
}

async function connect(page, transport, name) {
  await page.getByLabel(transport, { exact: true }).check();
  await page.getByLabel('XMPP domain').fill(target.domain);
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByRole('button', { name: 'Connect', exact: true }).click();
  await state(page, 'online');
  return page;
}

function state(page, wanted) {
  return page.locator(`#status[data-state="${wanted}"]`).waitFor();
}

async function say(page, text) {
  await page.getByLabel('Message', { exact: true }).fill(text);
  await page.keyboard.press('Enter');
}

async function lines(page, who, count) {
  const texts = page.locator(`#log li.${who} .text`);
  await texts.nth(count - 1).waitFor();
  return texts.allTextContents();
}

async function disconnect(page) {
  await page.getByRole('button', { name: 'Disconnect' }).click();
  await state(page, 'offline');
  await page.close();
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
      await disconnect(page);
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

describe('page, how it looks', () => {
  for (const scheme of ['light', 'dark']) {
    it(`scrolls nothing sideways at 360 px, ${scheme}`, { timeout }, async () => {
      const page = await openPage({ width: 360, height: 740 });
      await page.emulateMedia({ colorScheme: scheme });
      await connect(page, 'BOSH', 'ada');
      await say(page, 'x'.repeat(300));
      await lines(page, 'peer', 1);
      const [content, view] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
      assert.equal(content, view);
      await disconnect(page);
    });
  }

  it('has complained about nothing: no script error, nothing that the security policy refused', { timeout }, () => {
    // Lost exchanges of the tests above are what the browser itself reports.
    assert.deepEqual(browser.complaints.filter((text) => !/ERR_CONNECTION_RESET|ERR_FAILED/.test(text)), []);
  });
});
