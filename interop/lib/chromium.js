// A headless Chromium with a fresh profile, and what its pages complained about.

import { temporaryDirectory } from './processes.js';

/** `args` are added to Chromium's. */
export async function startChromium({ args = [] } = {}) {
  const { chromium } = await import('playwright-core');
  const context = await chromium.launchPersistentContext(temporaryDirectory('chromium'), {
    executablePath: '/usr/bin/chromium',
    headless: true,
    args: [
      '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', ...args,
    ],
  });
  const complaints = [];
  context.on('page', (page) => watch(page));
  for (const page of context.pages()) watch(page);
  function watch(page) {
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
  }
  return { context, complaints, end: () => context.close() };
}
