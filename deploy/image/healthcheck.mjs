/**
 * The health check of an image: asks the service in this container whether it can do its work.
 *
 *   node healthcheck.mjs http://127.0.0.1:8003/ready
 *
 * Exit code 0 for 200. Otherwise 1, and one line that says what is amiss, which `docker inspect` keeps.
 */
import { get } from 'node:http';

const WITHIN_MS = 4_000;
const [url] = process.argv.slice(2);

const request = get(url, { agent: false, timeout: WITHIN_MS }, async (response) => {
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk;
  end(response.statusCode === 200, `${response.statusCode} ${failedChecks(text)}`);
});
request.on('timeout', () => request.destroy(new Error(`no answer within ${WITHIN_MS} ms`)));
request.on('error', (error) => end(false, error.message || error.code));

function failedChecks(text) {
  try {
    const { status, checks } = JSON.parse(text);
    const failed = Object.entries(checks).filter(([, { ok }]) => !ok);
    return [status, ...failed.map(([name, { detail }]) => `${name}: ${detail ?? 'failed'}`)].join('; ');
  } catch {
    // Not our service, or not all of its answer.
    return text.slice(0, 200);
  }
}

function end(isHealthy, message) {
  process.stdout.write(`${message}\n`);
  process.exit(isHealthy ? 0 : 1);
}
