import { expect, test } from 'vitest';
import { codeOfJob } from '../../src/browser/job-code.ts';

const origin = 'http://127.0.0.1:8003';

test('a job is shown as curl, the SDK and the command line look at it, each at its gateway', () => {
  const code = codeOfJob('job_1', { origin, asksWho: false });
  expect(code.curl).toBe(`curl -sSN -H 'Accept: application/x-ndjson' ${origin}/v1/jobs/job_1/events`);
  expect(code.SDK).toContain(`createClient({ url: "${origin}" })`);
  expect(code.SDK).toContain("client.attach('job_1')");
  expect(code.CLI).toBe(`npx cc-executor explain job_1 --url=${origin}`);
});

test('where gateways ask for a key, it is named, not shown', () => {
  const code = codeOfJob('job_1', { origin, asksWho: true });
  expect(code.curl).toContain('-H "Authorization: Bearer $CC_EXECUTOR_TOKEN"');
  expect(code.SDK).toContain(`{ url: "${origin}", token: 'of your key' }`);
});
