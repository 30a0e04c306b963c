/** The one suite that every implementation of the job log must pass. */
import { lacks, needs, type RedisAbility } from '@cc-executor/testing';
import { afterAll, beforeAll, beforeEach, describe } from 'vitest';
import { describeBodies } from './suite/body-suite.ts';
import { describeFeed } from './suite/feed-suite.ts';
import { describeFilters } from './suite/filter-suite.ts';
import { describeList } from './suite/list-suite.ts';
import { describeLog } from './suite/log-suite.ts';
import { describePause } from './suite/pause-suite.ts';
import { describeRecord } from './suite/record-suite.ts';
import { describeRepeats } from './suite/repeat-suite.ts';
import { describeTenants } from './suite/tenant-suite.ts';
import type { Twin } from './suite/twin.ts';
import { describeUsageLimits } from './suite/usage-suite.ts';

/** `needed`: what the server must be able to do for it. */
export function describeJobLog(name: string, open: () => Promise<Twin>, needed?: RedisAbility): void {
  describe(name, () => {
    let twin: Twin | undefined;
    if (needed) beforeEach(needs(needed));
    beforeAll(async () => {
      if (needed && (await lacks(needed))) return;
      twin = await open();
    });
    afterAll(() => twin?.close());
    const opened = () => {
      if (!twin) throw new Error('not open');
      return twin;
    };
    describeRecord(opened);
    describePause(opened);
    describeRepeats(opened);
    describeLog(opened);
    describeBodies(opened);
    describeList(opened);
    describeFilters(opened);
    describeFeed(opened);
    describeTenants(opened);
    describeUsageLimits(opened);
  });
}
