import { startStack } from '@cc-executor/testing';
import { it } from 'vitest';
import { doors } from './support/doors.ts';
import { RESTLESS, watchLeftovers } from './support/leftovers.ts';
it('probe', async () => {
  const t = performance.now();
  const lap = (n: string) => console.log(n, Math.round(performance.now() - t));
  const stack = await startStack({ env: RESTLESS });
  lap('started');
  const done = watchLeftovers(stack);
  for (const d of doors) {
    const v = await d.connect(stack);
    const task = await v.execute('demo:{"text":"a b c","delayMs":1}');
    console.log(await task.ended, await task.jobId());
    lap(d.name);
    await v.close();
  }
  await done();
  lap('rest');
  await stack.close();
  lap('closed');
});
