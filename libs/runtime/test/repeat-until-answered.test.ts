import { expect, test } from 'vitest';
import { repeatUntilAnswered } from '../src/index.ts';

/** A call that rejects with each of these, and then answers. */
function failing(...errors: unknown[]): () => Promise<string> {
  return async () => {
    if (errors.length > 0) throw errors.shift();
    return 'answer';
  };
}

test('a call is made again until it is answered, and every error on the way is told', async () => {
  const told: unknown[] = [];
  const call = failing('gone', 'loading', 'slow');
  const answer = await repeatUntilAnswered(call, { onUnanswered: (error) => told.push(error) });
  expect(answer).toBe('answer');
  expect(told).toEqual(['gone', 'loading', 'slow']);
});

test('an error that waiting cannot cure ends it at once and is told to nobody else', async () => {
  const told: unknown[] = [];
  const repeated = repeatUntilAnswered(failing('gone', 'wrong type', 'gone'), {
    isCurable: (error) => error === 'gone',
    onUnanswered: (error) => told.push(error),
  });
  await expect(repeated).rejects.toBe('wrong type');
  expect(told).toEqual(['gone']);
});
