/** `cc-executor keys`: makes, lists, limits, rotates and revokes keys in the file that gateways with AUTH_MODE=keys read. */
import { type Command, Option } from 'commander';
import { DAY_MS, readDuration } from '../read-duration.ts';

type FileOption = { file?: string };
type MakeOptions = FileOption & { tenant: string; scope: string; label: string; expiresIn?: number };
type RotateOptions = FileOption & { overlap: number };

const HELP = `
Examples:
  $ cc-executor keys make --file keys.json --tenant acme --label ci
  $ cc-executor keys list --file keys.json
  $ cc-executor keys rotate key_0123456789abcdef --overlap 7d
  $ cc-executor keys limit acme jobs=100 usdPerDay=50 models=sonnet,haiku
  $ cc-executor keys limit key_0123456789abcdef jobs=
  $ cc-executor keys revoke key_0123456789abcdef

The file is that of AUTH_KEYS_FILE, if that is set. It holds no secrets, only their digests: what \`make\` and \`rotate\` print on
standard output is shown this once. Gateways see a change within a second, and close whoever came with a revoked key.`;

export function registerKeys(program: Command): void {
  const keys = program
    .command('keys')
    .description('make, list, limit, rotate and revoke the keys of a gateway')
    .addHelpText('after', HELP);
  const add = (usage: string, description: string) =>
    keys
      .command(usage)
      .description(description)
      .option('--file <path>', 'the file of keys (else AUTH_KEYS_FILE)');

  add('make', 'make a key, and the file where there is none; print its token')
    .option('--tenant <name>', 'whose jobs it is for', 'default')
    .addOption(
      new Option('--scope <scope>', 'what it may do').choices(['read', 'write', 'admin']).default('write'),
    )
    .option('--label <text>', 'what it is for', 'no label')
    .option('--expires-in <duration>', 'how long it is good (30d, 12h)', readDuration)
    .action(async ({ file, ...asked }: MakeOptions) => {
      const { makeToken } = await import('../key-commands.ts');
      print(makeToken(file, asked));
    });
  add('list', 'list the keys')
    .option('--json', 'one JSON object a line')
    .action(async ({ file, json = false }: FileOption & { json?: boolean }) => {
      const { listKeys } = await import('../key-commands.ts');
      process.stdout.write(listKeys(file, json));
    });
  add('rotate', 'give a key another secret; print its token')
    .argument('<key>', 'the id of the key')
    .option('--overlap <duration>', 'how long the secret of now is good beside it', readDuration, DAY_MS)
    .action(async (id: string, { file, overlap }: RotateOptions) => {
      const { rotateToken } = await import('../key-commands.ts');
      print(rotateToken(file, id, overlap));
    });
  add('limit', 'limit what a key, or a tenant, may hold, spend and ask for; print its limits')
    .argument('<holder>', 'the id of the key, or the name of the tenant')
    .argument('<limits...>', 'name=value each, as docs/identity.md lists them; name= lifts a limit')
    .action(async (holder: string, changes: string[], { file }: FileOption) => {
      const { limitHolder } = await import('../key-commands.ts');
      process.stdout.write(`${JSON.stringify(limitHolder(file, holder, changes))}\n`);
    });
  add('revoke', 'end a key at once')
    .argument('<key>', 'the id of the key')
    .action(async (id: string, { file }: FileOption) => {
      const { endKey } = await import('../key-commands.ts');
      endKey(file, id);
    });
}

function print(token: string): void {
  process.stdout.write(`${token}\n`);
  if (process.stderr.isTTY) process.stderr.write('Keep it: it is not shown again.\n');
}
