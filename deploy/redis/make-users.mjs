/**
 * Gives each app its own Redis user, before Redis starts: a password is drawn once and kept, as the URL that the app
 * reads with REDIS_URL_FILE, in a volume that only this app sees. Redis gets digests.
 *
 *   FOLDER/gateway/redis-url …   redis://gateway:<password>@redis:6379
 *   FOLDER/{gateway,worker}/claude-api-token   what both show claude-api
 *   FOLDER/claude-api/token-sha256       its digest: the tools that Claude Code runs can read what claude-api can
 *   FOLDER/{gateway,worker}/secrets-key   with what both keep secrets of jobs from Redis; several while it is changed, the
 *                                        first seals: `make-users.mjs FOLDER add-key`, then `use-key`, then `drop-key`
 *   FOLDER/redis/users.acl       made anew from the URLs at every start, so that the two cannot differ
 */
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';

const QUEUE_KEYS = '~{cce:queue}:*';

/**
 * Scripts, data and pub/sub, on our keys. @dangerous holds FLUSHALL, FLUSHDB, KEYS, CONFIG and the like; INFO is of
 * it, but BullMQ asks it for the version, and the apps whether Redis keeps what they write.
 */
const APP_COMMANDS =
  '-@all +@read +@write +@pubsub +@connection +@transaction +@scripting +time -@admin -@dangerous ' +
  '+info -script|flush -script|kill -script|debug -function';

const USERS = {
  gateway: `~cce:* ${QUEUE_KEYS} &cce:* ${APP_COMMANDS}`,
  // All of a job, but no idempotency keys.
  worker: `~cce:{* ${QUEUE_KEYS} &cce:* ${APP_COMMANDS}`,
  dashboard: `%R~cce:* ${QUEUE_KEYS} ${APP_COMMANDS} -@pubsub`,
  // For people: docker compose exec -u 0 redis …; see docs/deployment.md.
  operator: '~* &* +@all',
};

/** In this order, each when all gateways and workers have what the one before made. */
const KEY_CHANGES = {
  'add-key': (keys) => [...keys, draw()],
  'use-key': (keys) => [...keys.slice(-1), ...keys.slice(0, -1)],
  'drop-key': (keys) => keys.slice(0, 1),
};

const folder = process.argv[2] ?? '/secrets';

const lines = Object.entries(USERS).map(([user, rules]) => {
  return `user ${user} reset on #${sha256(passwordOf(user))} ${rules}`;
});
// Nobody can be `default`, which is off. But Redis reads its own log as this user, and without a word leaves out every
// transaction and script in it that the user may not run: without these rights a restart loses jobs.
lines.push('user default reset off ~* &* +@all');
// The health check's, which proves that Redis answers and has loaded its data.
lines.push('user health reset on nopass -@all +ping');
write(`${folder}/redis/users.acl`, `${lines.join('\n')}\n`, 0o444);
const token = drawnOnce(`${folder}/worker/claude-api-token`);
write(`${folder}/gateway/claude-api-token`, `${token}\n`, 0o440);
write(`${folder}/claude-api/token-sha256`, `${sha256(token)}\n`, 0o440);
const keys = drawnOnce(`${folder}/gateway/secrets-key`).split('\n');
const changed = (KEY_CHANGES[process.argv[3]] ?? ((same) => same))(keys);
for (const app of ['worker', 'gateway'])
  write(`${folder}/${app}/secrets-key`, `${changed.join('\n')}\n`, 0o440);
process.stdout.write(`users: ${Object.keys(USERS).join(', ')}\n`);

function passwordOf(user) {
  const file = `${folder}/${user === 'operator' ? 'redis' : user}/redis-url`;
  try {
    return new URL(readFileSync(file, 'utf8').trim()).password;
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  const password = draw();
  // Group-readable: this process has the apps' group.
  write(file, `redis://${user}:${password}@redis:6379\n`, 0o440);
  return password;
}

function drawnOnce(file) {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  const secret = draw();
  write(file, `${secret}\n`, 0o440);
  return secret;
}

function draw() {
  return randomBytes(32).toString('hex');
}

function sha256(text) {
  return createHash('sha256').update(text).digest('hex');
}

/** In one step, so that an interrupted start leaves no half of a file. */
function write(file, text, mode) {
  const half = `${file}.${process.pid}`;
  writeFileSync(half, text, { mode });
  renameSync(half, file);
}
