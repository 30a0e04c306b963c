/** What `cc-executor webhooks` asks a gateway, and prints. */
import { harmlessOn } from './harmless.ts';
import { askHttpDoor } from './http-door.ts';

type Answer = { secrets: { secret: string; until?: number }[] };

export async function showSecrets(url: string | undefined, isJson = false): Promise<void> {
  print(await (await askHttpDoor(url, 'webhook-secrets')).json(), isJson);
}

/** @param overlapMs how long the secret of now signs beside the new one */
export async function rotateSecret(
  url: string | undefined,
  overlapMs: number,
  isJson = false,
): Promise<void> {
  const init = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ overlapMs }),
  };
  print(await (await askHttpDoor(url, 'webhook-secrets/rotate', init)).json(), isJson);
}

function print(answer: Answer, isJson: boolean): void {
  const lines = isJson
    ? [JSON.stringify(answer)]
    : answer.secrets.map(({ secret, until }) => {
        const end = until === undefined ? '' : `  until ${new Date(until).toISOString()}`;
        return harmlessOn(process.stdout, `${secret}${end}`);
      });
  process.stdout.write(`${lines.join('\n')}\n`);
}
