import net from 'node:net';
import { createKeys, createRedisFeed, createRedisJobLog } from '@cc-executor/job-log';
import { createEpoch, createJobId } from '@cc-executor/protocol';
import { closeRedis, openRedis } from '@cc-executor/redis';
import { startTestRedis, uniquePrefix } from '@cc-executor/testing';

for (const opt of [{}, { embedded: true }, { cluster: true }]) {
  const server = await startTestRedis(opt);
  console.log('---', opt, server.url);
  const redis = openRedis(server.url, {
    name: 'p',
    role: 'patient',
    onError: (e) => console.log('err', e.message),
  });
  const keys = createKeys(uniquePrefix());
  const log = createRedisJobLog({ redis, keys, retentionMs: 60000 });
  const sub = openRedis(server.url, {
    name: 's',
    role: 'subscriber',
    onError: (e) => console.log('suberr', e.message),
  });
  const feed = createRedisFeed({ redis: sub, keys });
  const jobId = createJobId();
  const t = (n: string, f: () => Promise<unknown>) =>
    f().then(
      (v) =>
        console.log(
          n,
          JSON.stringify(v, (k, x) => (x instanceof Map ? [...x] : x)),
        ),
      (e) => console.log(n, 'REJECT', e.message),
    );
  await t('reserve', () => log.reserve('t', 'k', jobId, 'h'));
  await t('reserve2', () => log.reserve('t', 'k', createJobId(), 'h2'));
  await t('create', () =>
    log.create({
      jobId,
      epoch: createEpoch(),
      tenant: 't',
      spec: { prompt: 'x' },
      queueMs: 1000,
      totalMs: 5000,
      retry: 'safe',
    }),
  );
  await t('sub', () => feed.subscribe(jobId, (p) => console.log('pub', JSON.stringify(p))));
  await t('begin', () => log.begin(jobId, 1000));
  await t('begin2', () => log.begin(jobId, 1000));
  await t('append', () =>
    log.append({ jobId, fence: 1, firstSeq: 2, bodies: ['{"type":"output","text":"hé"}'], hasOutput: true }),
  );
  await t('renew', () => log.renew(jobId, 1, 1000));
  await t('range', () => log.range(jobId, 0, 10, 10000));
  await t('positions', () => log.positions([jobId, createJobId()]));
  await t('get', () => log.get(jobId));
  await t('list', () => log.list('t', { limit: 10 }));
  await t('cancel', () => log.cancel(jobId, 'client'));
  await t('finish', () =>
    log.append({
      jobId,
      fence: 1,
      firstSeq: 3,
      bodies: ['{"type":"completed"}'],
      hasOutput: true,
      terminal: 'completed',
    }),
  );
  await t('finish', () =>
    log.append({
      jobId,
      fence: 1,
      firstSeq: 3,
      bodies: ['{"type":"cancelled"}'],
      hasOutput: true,
      terminal: 'cancelled',
    }),
  );
  await t('missing', () => log.range(createJobId(), 0, 10, 10000));
  await t('badcursor', () => log.list('t', { limit: 10, cursor: 'foo' }));
  await feed.close();
  await feed.close();
  await closeRedis(redis);
  await closeRedis(redis);
  await server.close();
}
