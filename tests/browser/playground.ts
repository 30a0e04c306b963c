/** The dashboard's playground as people use it: what is streamed has no hole, whatever becomes of page and connection. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { expectFine, promptOf, type Stage, VIEWS } from './stage.ts';

const MARKDOWN =
  '## What I found\n\n- **two** files\n- `rm -rf` is [explained](https://example.com)\n\n![x](https://example.com/x.png)\n\n<img src=x onerror=alert(1)>\n\n| a | b |\n| - | - |\n| 1 | 2 |\n\n```js\nconst a = 1;\n```\n';
/** A picture of one pixel. */
const PNG =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';

/** So often that nobody waits for its end: it is cancelled. */
const ENDLESS = 10_000;

/** Tests of it, on a stage that stands when they run. */
export function describePlayground(stageOf: () => Stage): void {
  async function open(
    path = '',
    view: keyof typeof VIEWS = 'desktop, light',
    complaint?: RegExp,
  ): Promise<Page> {
    const page = await stageOf().openPage(VIEWS[view], complaint);
    await page.goto(`${stageOf().dashboard}/playground${path}`);
    return page;
  }

  test('answers in Markdown that is harmless, complete, and fits', async () => {
    const page = await open();
    await page.getByLabel('Prompt', { exact: true }).fill(promptOf({ text: MARKDOWN, tool: 'ls' }));
    await page.keyboard.press('Control+Enter');
    await page.getByText('text as its digest says').waitFor();
    await page.getByText('Bash').click();
    expect(await page.locator('.markdown h4').textContent()).toBe('What I found');
    expect(await page.locator('.markdown li strong').textContent()).toBe('two');
    expect(await page.locator('.markdown td').allTextContents()).toEqual(['1', '2']);
    expect(await page.locator('img').count()).toBe(0);
    await page.locator('.markdown').getByText('<img src=x onerror=alert(1)>').waitFor();
    await expectFine(page, 'playground');
  });

  test('what streams is whole after its connection was cut and the page was reloaded, and is the same in another tab', async () => {
    const page = await open();
    await send(page, { text: 'tick ', repeat: ENDLESS, delayMs: 20 });
    await page.getByText('tick tick').first().waitFor();
    const other = await open(new URL(page.url()).pathname.slice('/playground'.length));
    await other.getByText('tick tick').first().waitFor();
    const again = page.waitForRequest(/\/events\?.*after=[1-9]/);
    await page.getByRole('button', { name: 'Cut my connection' }).click();
    await again;
    await page.getByText('connected, cut once').waitFor();
    const before = await eventsOf(page);
    await expect.poll(() => eventsOf(page)).toBeGreaterThan(before + 10);
    await page.reload();
    await page.getByText('tick tick').first().waitFor();
    await page.getByRole('button', { name: 'Cancel' }).click();
    for (const tab of [page, other])
      await tab.getByText(/, none missing · text as its digest says/).waitFor();
    const texts = await Promise.all([page, other].map((tab) => tab.locator('.markdown').textContent()));
    expect(texts[0]).toMatch(/^(tick )+tick$/);
    expect(texts[1]).toBe(texts[0]);
  });

  test('a job stands still, goes on, is cancelled, by keyboard alone, and the conversation goes on', async () => {
    const page = await open();
    await send(page, { text: 'tock ', repeat: ENDLESS, delayMs: 20 });
    await page.getByText('tock tock').first().waitFor();
    await press(page, 'Pause');
    await page.locator('.status.paused').waitFor();
    await press(page, 'Resume');
    await page.locator('.status.running').waitFor();
    await press(page, 'Cancel');
    await page.locator('.status.cancelled').waitFor();
    await send(page, { text: 'first' });
    await page.locator('.status.completed').waitFor();
    await send(page, { text: 'second' });
    await page.locator('.status.completed').nth(1).waitFor();
    expect(new URL(page.url()).searchParams.get('conversation')).toMatch(/-/);
    await page.reload();
    await page.locator('.status.completed').nth(1).waitFor();
    expect((await page.locator('.markdown').allTextContents()).slice(-2)).toEqual(['first', 'second']);
  });

  test('options and pictures are asked for as they are shown, and what is copied runs', async () => {
    const page = await open();
    await page.getByLabel('maxTurns').fill('3');
    await page.getByLabel('allowedTools', { exact: true }).fill('Read\nGrep');
    await page.getByText('All other options').click();
    await page.getByLabel('Other members of the request').fill('{"metadata": {"row": "it\'s"}');
    await page.getByText('this is not a JSON object').waitFor();
    await page.getByLabel('Other members of the request').fill('{"metadata": {"row": "it\'s"}}');
    await page.getByLabel('Prompt', { exact: true }).fill(promptOf({ text: "it's" }));
    const code = (await page.locator('pre.request').textContent()) ?? '';
    const { stdout } = await promisify(execFile)('bash', ['-c', code]);
    expect(stdout).toContain('"type":"completed"');
    const files = [
      { name: 'dot.png', mimeType: 'image/png', buffer: Buffer.from(PNG, 'base64') },
      { name: 'song.mp3', mimeType: 'audio/mpeg', buffer: Buffer.from('x') },
    ];
    await page.getByLabel('Pictures and documents').setInputFiles(files);
    await page.getByText('song.mp3: is neither').waitFor();
    const asked = page.waitForRequest((request) => request.method() === 'POST');
    await page.getByRole('button', { name: 'Send' }).click();
    const body = (await asked).postDataJSON();
    expect(body).toEqual({
      prompt: promptOf({ text: "it's" }),
      maxTurns: 3,
      allowedTools: ['Read', 'Grep'],
      metadata: { row: "it's" },
      attachments: [{ mediaType: 'image/png', data: PNG }],
    });
    await page.getByText('text as its digest says').waitFor();
    expect(await page.getByAltText('dot.png').count()).toBe(1);
  });

  test.each([
    ['data-content="shown"', 'data-content="hidden"', /DASHBOARD_SHOW_CONTENT is off/],
    ['data-role="admin"', 'data-role="view"', /needs the scope write/],
  ])('where %s is %s, it says why it is not offered', async (shown, told, why) => {
    const page = await stageOf().openPage();
    await page.route('**/playground', async (route) => {
      const response = await route.fetch();
      const document = await response.text();
      expect(document).toContain(shown);
      await route.fulfill({ response, body: document.replace(shown, told) });
    });
    await page.goto(`${stageOf().dashboard}/playground`);
    await page.getByText(why).waitFor();
    expect(await page.locator('textarea').count()).toBe(0);
  });

  test('what the gateway refuses is told in its words', async () => {
    const page = await open('', 'phone, light', /status of 400/);
    await page.getByLabel('permissionMode').fill('no mode');
    await send(page, { text: 'x' });
    await page
      .getByText(/permissionMode/)
      .nth(1)
      .waitFor();
  });
}

async function send(page: Page, demo: Parameters<typeof promptOf>[0]): Promise<void> {
  await page.getByLabel('Prompt', { exact: true }).fill(promptOf(demo));
  await page.getByRole('button', { name: 'Send' }).click();
}

async function eventsOf(page: Page): Promise<number> {
  return Number.parseInt((await page.getByText(/^\d+ events/).textContent()) ?? '', 10);
}

async function press(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name, exact: true }).focus();
  await page.keyboard.press('Enter');
}
