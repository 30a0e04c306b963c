import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkHistory, describeViolations, formatHistory, parseHistory } from '../src/index.ts';
import { BOUNDS, type JobPlan, makeHistory } from './history-model.ts';
import { mutations } from './history-mutations.ts';

const endings = [
  ...(['completed', 'failed', 'cancelled', 'timed_out', 'worker_lost'] as const),
  ...(['queue_timeout', 'cancelled_queued'] as const),
];

const plan: fc.Arbitrary<JobPlan> = fc.record({
  retry: fc.constantFrom('safe', 'never', 'always'),
  ending: fc.constantFrom(...endings, 'completed', 'completed'),
  pieces: fc.array(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }), {
    minLength: 1,
    maxLength: 5,
  }),
  refusals: fc.nat(2),
  lostAttempts: fc.nat(2),
  takesBack: fc.boolean(),
  clients: fc.array(
    fc.record({
      cutAfter: fc.array(fc.nat(12), { maxLength: 3 }),
      late: fc.boolean(),
      detaches: fc.boolean(),
    }),
    { maxLength: 3 },
  ),
  key: fc.boolean(),
  repeats: fc.nat(2),
});
const history = fc.array(plan, { minLength: 1, maxLength: 4 }).map(makeHistory);
const options = { bounds: BOUNDS };

describe('the checker over random histories', () => {
  it('finds nothing in a correct one, also after it was saved and read', () => {
    fc.assert(
      fc.property(history, (correct) => {
        expect(describeViolations(checkHistory(correct, options))).toBe('');
        const saved = parseHistory(formatHistory(correct));
        expect(saved).toEqual(correct);
      }),
      { numRuns: 200 },
    );
  });

  it.each(mutations.map((mutation) => [mutation.name, mutation] as const))(
    'catches it when %s',
    (_, { caughtAs, apply }) => {
      let broken = 0;
      fc.assert(
        fc.property(history, fc.nat(1_000), (correct, pick) => {
          if (!apply(correct, pick)) return;
          broken += 1;
          expect(checkHistory(correct, options).map(({ invariant }) => invariant)).toContain(caughtAs);
        }),
        { numRuns: 60 },
      );
      // A mutation that never applies would prove nothing.
      expect(broken).toBeGreaterThan(5);
    },
  );
});
