import { createMemoryJobLog, createMemoryUsageBlock } from '@cc-executor/testing';
import { describeJobLog } from './job-log-suite.ts';

describeJobLog('the job log in memory', async () => {
  let now = 1_795_468_090_093;
  const { log, feed, countListeners } = createMemoryJobLog({ now: () => now });
  return {
    log,
    feed,
    countListeners,
    usageBlock: createMemoryUsageBlock({ now: () => now }),
    async pass(ms) {
      now += ms;
    },
    async createdTogether() {
      // Its clock stands still by itself.
    },
    close: () => feed.close(),
  };
});
