/** `cc-executor config`: keeps which gateway the commands talk to, and the token for it, in profiles. */
import type { Command } from 'commander';

const HELP = `
Examples:
  $ cc-executor config set url https://gateway.example.com
  $ cc-executor config set token < token.txt
  $ cc-executor config --profile work set url https://work.example.com
  $ cc-executor config set profile work
  $ cc-executor --profile default jobs

Settings: url, token, profile (the one that commands take). Each holds by its option (--url, --token, --profile), else by its variable
(CC_EXECUTOR_URL, CC_EXECUTOR_TOKEN, CC_EXECUTOR_PROFILE), else by the profile, else by default. A profile's token is shown to the
profile's gateway alone, and never printed in full.`;

export function registerConfig(program: Command): void {
  const config = program
    .command('config')
    .description('keep the gateway and the token for it, in profiles')
    .addHelpText('after', HELP);
  config
    .command('get')
    .description('print a setting as it holds now; exits with 1 when there is none')
    .argument('<key>', 'url, token or profile')
    .action(async (key: string) => {
      const { getSetting } = await import('../config-commands.ts');
      const value = getSetting(key);
      if (value === undefined) process.exitCode = 1;
      else process.stdout.write(`${value}\n`);
    });
  config
    .command('set')
    .description('keep a setting')
    .argument('<key>', 'url, token or profile')
    .argument('[value]', 'else it is read from standard input, where others on this machine do not see it')
    .action(async (key: string, given: string | undefined) => {
      const [{ setSetting }, { text }] = await Promise.all([
        import('../config-commands.ts'),
        import('node:stream/consumers'),
      ]);
      setSetting(key, given ?? (await text(process.stdin)).trim());
    });
  config
    .command('unset')
    .description('take a setting away')
    .argument('<key>', 'url, token or profile')
    .action(async (key: string) => {
      const { unsetSetting } = await import('../config-commands.ts');
      unsetSetting(key);
    });
  config
    .command('list')
    .description('print all settings as they hold now, and what says so')
    .action(async () => {
      const { listSettings } = await import('../config-commands.ts');
      process.stdout.write(`${listSettings().join('\n')}\n`);
    });
  config
    .command('path')
    .description('print where the file is')
    .action(async () => {
      const { configFile } = await import('../config.ts');
      process.stdout.write(`${configFile()}\n`);
    });
}
