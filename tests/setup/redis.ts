/**
 * Before any test: says which Redis the tests run on, and fetches one where that is needed and possible, so that no test
 * file has to. FETCH_REDIS=off forbids it.
 */
import { chooseTestRedis } from '@cc-executor/testing';

/** Runs once, before all workers, which inherit the environment. */
export default async function setup(): Promise<void> {
  const choice = await chooseTestRedis({
    onFetch: (folder) => say(`Fetching a Redis server with apt-get (about 11 MB) into ${folder} …`),
  });
  if ('program' in choice) {
    const { name, version, file } = choice.program;
    say(`The tests run on ${name} ${version} (${choice.kind}: ${file}).`);
    return;
  }
  say(
    `*** The tests run on the EMBEDDED server, and leave out what it cannot do: ${choice.passedOver.join('; ')}. ***`,
  );
  // What failed once would fail, and take its time, in each test file.
  process.env.FETCH_REDIS = 'off';
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
