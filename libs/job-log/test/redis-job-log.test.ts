import { describeJobLog } from './job-log-suite.ts';
import { openRedisTwin } from './redis-twin.ts';

describeJobLog('the job log in Redis', () => openRedisTwin());
describeJobLog('the job log in a Redis Cluster', () => openRedisTwin({ cluster: true }), 'cluster');
describeJobLog('the job log in the embedded server', () => openRedisTwin({ embedded: true }));
