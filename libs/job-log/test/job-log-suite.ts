/** The one suite that every implementation of the job log must pass. */
import { afterAll, beforeAll, describe } from 'vitest';
import { describeFeed } from './suite/feed-suite.ts';
import { describeList } from './suite/list-suite.ts';
import { describeLog } from './suite/log-suite.ts';
import { describePause } from './suite/pause-suite.ts';
import { describeRecord } from './suite/record-suite.ts';
import { describeTenants } from './suite/tenant-suite.ts';
import type { Twin } from './suite/twin.ts';

export function describeJobLog(name: string, open: () => Promise<Twin>): void {
  describe(name, () => {
    let twin: Twin | undefined;
    beforeAll(async () => {
      twin = await open();
    });
    afterAll(() => twin?.close());
    const opened = () => {
      if (!twin) throw new Error('not open');
      return twin;
    };
    describeRecord(opened);
    describePause(opened);
    describeLog(opened);
    describeList(opened);
    describeFeed(opened);
    describeTenants(opened);
  });
}
