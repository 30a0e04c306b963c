/** The dashboard's pages as people have them. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { PROGRAMS, program } from './chromium.ts';
import { describePlayground } from './playground.ts';
import { describeSignIn } from './sign-in.ts';
import { expectFine, type Stage, seriousFaults, startStage } from './stage.ts';

let stage: Stage;
let dashboard: string;
let gateway: string;
let doneJob: string;
const openPage: Stage['openPage'] = (options) => stage.openPage(options);
const submit: Stage['submit'] = (...args) => stage.submit(...args);

beforeEach(({ skip }) => {
  if (program === undefined) skip(`none of ${PROGRAMS.join(', ')} is here`);
});
beforeAll(async () => {
  if (program === undefined) return;
  stage = await startStage();
  ({ dashboard, gateway } = stage);
  doneJob = await submit({ text: '<img src=x onerror=alert(1)> done' });
});
afterAll(() => stage?.close());

describe('the pages', () => {
  test.each([
    ['overview', '/', '.tiles'],
    ['jobs', '/jobs', 'tbody .failed'],
    ['job', '', 'text=was handed the end'],
  ])('the page %s is complete, fits, and has no serious fault for anybody', async (name, path, proof) => {
    const page = await openPage();
    await page.goto(`${dashboard}${path || `/jobs/${doneJob}`}`);
    await page.locator(proof).first().waitFor();
    await expectFine(page, name);
  });

  test('what Claude says is text', async () => {
    const page = await openPage();
    await page.goto(`${dashboard}/jobs/${doneJob}`);
    await page.getByText('<img src=x onerror=alert(1)> done').first().waitFor();
    expect(await page.locator('img').count()).toBe(0);
  });

  test('a running job is followed live, and cancelled after a question, by keyboard alone', async () => {
    const jobId = await submit({ text: 'still here', hang: true });
    const page = await openPage();
    await page.goto(`${dashboard}/jobs/${jobId}`);
    await page.getByText('still here').first().waitFor();
    await page.getByRole('button', { name: 'cancel' }).focus();
    await page.keyboard.press('Enter');
    const question = page.getByRole('dialog');
    expect(await question.textContent()).toContain(jobId);
    await question.getByRole('button', { name: 'cancel this job' }).focus();
    await page.keyboard.press('Enter');
    await question.getByText('cancel accepted').waitFor();
    await page.keyboard.press('Escape');
    await page.getByText('cancelled by').waitFor();
  });

  test('jobs are found by their metadata, and run again from the list', async () => {
    await submit({ text: 'rerun me' }, { row: 'seven' });
    const page = await openPage();
    await page.goto(`${dashboard}/jobs`);
    await page.getByLabel('Search').fill('row=seven');
    await page.keyboard.press('Enter');
    await page.waitForURL(/row%3Dseven/);
    await page.getByText('completed').nth(1).waitFor();
    expect(await page.locator('tbody tr').count()).toBe(1);
    await page.locator('tbody input').check();
    await page.getByRole('button', { name: 'rerun 1 chosen' }).click();
    await page.getByRole('button', { name: 'rerun this job' }).click();
    await page.getByText(/now runs as job_/).waitFor();
    await page.getByRole('button', { name: 'Close' }).click();
    await page.locator('tbody tr').nth(1).waitFor();
  });

  test('all that fit a filter are cancelled, and run again, after it is said how many', async () => {
    const metadata = { row: 'bulk' };
    for (let i = 0; i < 3; i += 1) await submit({ text: 'x', hang: true }, metadata);
    const page = await openPage();
    await page.goto(`${dashboard}/jobs?q=row%3Dbulk&from=2026-01-01T00%3A00`);
    await page.locator('tbody tr').nth(2).waitFor();
    for (const [name, said] of [
      ['cancel', 'cancel accepted for 3'],
      ['rerun', '3 run again'],
    ] as const) {
      await page.getByRole('button', { name: `${name} all that fit` }).click();
      const question = page.getByRole('dialog');
      await question.getByText('3 jobs', { exact: true }).waitFor();
      expect(await question.locator('li').count()).toBe(3);
      await question.getByRole('button', { name: `${name} 3 jobs` }).click();
      await question.getByText(said).waitFor();
      expect(await seriousFaults(page)).toEqual([]);
      await question.getByRole('button', { name: 'Close' }).click();
    }
    await page.locator('tbody tr').nth(5).waitFor();
    await page.getByRole('button', { name: 'cancel all that fit' }).click();
    await page.getByRole('button', { name: 'cancel 3 jobs' }).click();
    await page.getByText('cancel accepted for 3').waitFor();
  });

  test('what is typed and chosen stays while the list comes anew', async () => {
    const page = await openPage();
    await page.goto(`${dashboard}/jobs?status=failed`);
    await page.locator('tbody .failed').first().waitFor();
    await page.getByLabel('Search').fill('letter');
    await page.getByLabel('Status').selectOption('completed');
    for (let i = 0; i < 2; i += 1) await page.waitForResponse(/v1\/jobs\?/);
    await expect.poll(() => page.getByLabel('Search').inputValue()).toBe('letter');
    await page.getByRole('button', { name: 'Show' }).click();
    await page.waitForURL(/q=letter&status=completed/);
    await page.locator('tbody .completed').first().waitFor();
    expect(await page.getByLabel('Status').inputValue()).toBe('completed');
    expect(await page.getByLabel('Search').inputValue()).toBe('letter');
  });

  test('typing how an id begins finds its job among all at once', async () => {
    const page = await openPage();
    await page.goto(`${dashboard}/jobs`);
    await page.locator('tbody tr').nth(49).waitFor();
    await page.getByLabel('Search').pressSequentially(doneJob.slice('job_'.length, 14));
    await expect.poll(() => page.locator('tbody tr').count()).toBe(1);
    await page.getByRole('link', { name: /done/ }).waitFor();
    expect(new URL(page.url()).searchParams.get('q')).toBe(doneJob.slice(4, 14));
  });

  test('the queue counts as the records do, however jobs have ended', async () => {
    const before = await queueCounts();
    const slots = { text: 'x', hang: true } as const;
    const metadata = { row: 'endings' };
    await submit({ text: 'x' }, metadata);
    await submit({ text: 'x', fail: 'it broke' }, metadata);
    const running = await submit(slots, metadata);
    await untilStatus(running, 'running');
    await submit(slots, metadata, { timeouts: { totalMs: 1_500 } });
    await fetch(`${gateway}/${running}/cancel`, { method: 'POST' });
    const ended = async (status: string) => {
      const response = await fetch(`${gateway}/count?metadata.row=endings&status=${status}`);
      return ((await response.json()) as { jobs: number }).jobs;
    };
    await expect.poll(() => ended('unfinished'), { timeout: 20_000 }).toBe(0);
    const [completed, failed, cancelled, late] = await Promise.all(
      ['completed', 'failed', 'cancelled', 'timed_out'].map(ended),
    );
    expect([completed, failed, cancelled, late]).toEqual([1, 1, 1, 1]);
    await expect
      .poll(queueCounts)
      .toEqual({ completed: before.completed + 1, failed: before.failed + 3, active: 0, waiting: 0 });
  });

  test('a whole id opens its job', async () => {
    const page = await openPage();
    await page.goto(`${dashboard}/jobs`);
    await page.getByLabel('Search').fill(doneJob);
    await page.keyboard.press('Enter');
    await page.waitForURL(`${dashboard}/jobs/${doneJob}`);
  });
});

describe('the playground', () => describePlayground(() => stage));
describe('signing in', () => describeSignIn(() => stage));

/** As the board has them. */
async function queueCounts() {
  const response = await fetch(`${dashboard}/queues/api/queues?activeQueue=jobs&page=1&jobsPerPage=1`);
  type Counts = Record<'completed' | 'failed' | 'active' | 'waiting', number>;
  const { queues } = (await response.json()) as { queues: { counts: Counts }[] };
  const { completed = 0, failed = 0, active = 0, waiting = 0 } = queues[0]?.counts ?? {};
  return { completed, failed, active, waiting };
}

async function untilStatus(jobId: string, status: string): Promise<void> {
  const now = async () => ((await (await fetch(`${gateway}/${jobId}`)).json()) as { status: string }).status;
  await expect.poll(now, { timeout: 20_000 }).toBe(status);
}
