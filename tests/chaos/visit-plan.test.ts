import { executeParamsSchema } from '@cc-executor/protocol';
import { planPrompt } from '@cc-executor/testing';
import { expect, test } from 'vitest';
import { createRandom } from './random.ts';
import { planVisit, type Visit } from './visit-plan.ts';

const visits = (seed: number): Visit[] => {
  const random = createRandom(seed);
  return Array.from({ length: 500 }, (_, i) => planVisit(random.fork(`${i}`), `n${i}`));
};

test('a seed plans the same visits again', () => {
  expect(visits(1)).toEqual(visits(1));
  expect(visits(1)).not.toEqual(visits(2));
});

test('every planned execute is one that the protocol allows', () => {
  for (const { params, plan } of visits(2)) {
    const { error } = executeParamsSchema.safeParse({ ...params, prompt: planPrompt(plan) });
    expect(error?.message).toBeUndefined();
  }
});

test('all behaviours come up, and every way in which a call can end that is planned', () => {
  const planned = visits(3);
  const ends = new Set(planned.flatMap(({ plan }) => plan.ends.map((end) => JSON.stringify(end))));
  expect(ends.size).toBeGreaterThanOrEqual(13);
  expect(new Set(planned.map(({ params }) => params.retry))).toEqual(new Set(['safe', 'never', 'always']));
  for (const does of [
    ({ cancelAfterMs }: Visit) => cancelAfterMs !== undefined,
    ({ resendAfterMs }: Visit) => resendAfterMs !== undefined,
    ({ leave }: Visit) => leave?.backAfterMs !== undefined,
    ({ leave }: Visit) => leave !== undefined && leave.backAfterMs === undefined,
    ({ stall }: Visit) => stall !== undefined,
    ({ listeners }: Visit) => listeners.length === 2,
    ({ params }: Visit) => params.onDisconnect === 'cancel',
    ({ params }: Visit) => params.priority !== undefined,
  ]) {
    expect(planned.some(does)).toBe(true);
    expect(planned.every(does)).toBe(false);
  }
});
