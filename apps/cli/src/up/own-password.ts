/** The password of a Redis that `cc-executor up` runs, as that process learns it: no list of processes shows it. */
import { loadConfig, setting, text } from '@cc-executor/runtime';

const OWN_PASSWORD = 'OWN_REDIS_PASSWORD';

/** The variables that tell it. */
export function tellPassword(password: string): NodeJS.ProcessEnv {
  return { [OWN_PASSWORD]: password };
}

/** Undefined when this process was told none. */
export function readOwnPassword(): string | undefined {
  const { password } = loadConfig('redis', {
    password: setting({
      env: OWN_PASSWORD,
      schema: text().optional(),
      secret: true,
      description: 'What Redis asks for.',
    }),
  });
  return password;
}
