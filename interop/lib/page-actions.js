// What a person does with the demonstration page, and sees there.

import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export function state(page, wanted) {
  return page.locator(`#status[data-state="${wanted}"]`).waitFor();
}

export async function open(browser, origin, { width = 1200, height = 900, scheme = 'light' } = {}) {
  const page = await browser.context.newPage();
  await page.setViewportSize({ width, height });
  await page.emulateMedia({ colorScheme: scheme });
  await page.goto(origin);
  return page;
}

export async function fill(page, transport, domain, name) {
  await page.getByLabel(transport, { exact: true }).check();
  await page.getByLabel('XMPP domain').fill(domain);
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByRole('button', { name: 'Connect', exact: true }).click();
}

export async function say(page, text) {
  await page.getByLabel('Message', { exact: true }).fill(text);
  await page.keyboard.press('Enter');
}

/** The texts of so many lines at least, once they are there. */
export async function lines(page, who, count) {
  const texts = page.locator(`#log li.${who} .text`);
  await texts.nth(count - 1).waitFor();
  return texts.allTextContents();
}

export async function disconnect(page) {
  await page.getByRole('button', { name: 'Disconnect' }).click();
  await state(page, 'offline');
  await page.close();
}

export async function cut(page, { stay }) {
  await page.getByLabel('and stay offline for 5 s').setChecked(stay);
  await page.getByRole('button', { name: 'Cut the network' }).click();
}

/** What the page has told, once it matches. */
export async function story(page, pattern) {
  await page.locator('#story li').filter({ hasText: pattern }).first().waitFor();
  return (await page.locator('#story li').allTextContents()).join('\n');
}

/** Goes on by the Tab key until the element has the focus. */
export async function tabTo(page, id) {
  for (let index = 0; index < 60; index += 1) {
    if (await page.evaluate(() => document.activeElement.id) === id) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`the keyboard does not reach #${id}`);
}

/** What would have to be scrolled sideways to be seen: the page, or a part of it. */
export function overhang(page) {
  return page.evaluate(() => [document.documentElement, ...document.querySelectorAll('.card, .scroll, #log, #detail, #story')]
    .filter((element) => element.scrollWidth > element.clientWidth)
    .map((element) => element.id || element.className || element.localName));
}

let screenshots = null;

/** Takes a picture of the whole page to be looked at; says once where the pictures are. */
export async function shoot(page, name) {
  if (screenshots === null) {
    screenshots = process.env.INTEROP_SCREENSHOTS ?? mkdtempSync(join(tmpdir(), 'xmpp-web-screenshots-'));
    mkdirSync(screenshots, { recursive: true });
  }
  await page.screenshot({ path: join(screenshots, `${name}.png`), fullPage: true });
}

/** Where the pictures are; null where none was taken. */
export function screenshotsTaken() {
  return screenshots;
}
