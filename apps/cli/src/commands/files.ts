/** `cc-executor files`: lists, gets, puts, packs and compares the files of a workspace. */
import type { Command } from 'commander';

type Options = { url?: string; output?: string; recursive?: boolean; json?: boolean };

const HELP = `
Examples:
  $ cc-executor files ls website
  $ cc-executor files get website src/index.ts
  $ cc-executor files put website notes.md < notes.md
  $ cc-executor files archive website | tar -tz
  $ cc-executor files diff website -o changes.patch`;

const URL_OPTION = [
  '--url <url>',
  "the gateway (else CC_EXECUTOR_URL, the profile's, ws://127.0.0.1:8003/ws)",
] as const;

export function registerFiles(program: Command): void {
  const files = program
    .command('files')
    .description('list, get, put, pack and compare the files of a workspace')
    .addHelpText('after', HELP);
  files
    .command('ls')
    .description('list its files, or those of a folder in it')
    .argument('<workspace>')
    .argument('[folder]')
    .option('-r, --recursive', 'with what is in its folders')
    .option('--json', 'one JSON object a line')
    .option(...URL_OPTION)
    .action(async (workspace: string, folder: string | undefined, options: Options) => {
      const { listAll } = await import('../file-transfer.ts');
      await listAll(workspace, folder, options);
    });
  files
    .command('get')
    .description('print a file, or write it to another')
    .argument('<workspace>')
    .argument('<path>')
    .option('-o, --output <file>', 'where to; else to standard output')
    .option(...URL_OPTION)
    .action(async (workspace: string, path: string, { url, output }: Options) => {
      const { download, fileAt } = await import('../file-transfer.ts');
      await download(url, fileAt(workspace, path), output);
    });
  files
    .command('put')
    .description('put a file into it, made of another or of standard input')
    .argument('<workspace>')
    .argument('<path>')
    .argument('[file]')
    .option(...URL_OPTION)
    .action(async (workspace: string, path: string, file: string | undefined, { url }: Options) => {
      const { upload, fileAt } = await import('../file-transfer.ts');
      await upload(url, fileAt(workspace, path), file);
    });
  files
    .command('archive')
    .description('pack it, or a folder in it, as a compressed tar')
    .argument('<workspace>')
    .argument('[folder]')
    .option('-o, --output <file>', 'where to; else to standard output')
    .option(...URL_OPTION)
    .action(async (workspace: string, folder: string | undefined, { url, output }: Options) => {
      const { download } = await import('../file-transfer.ts');
      const query = folder === undefined ? '' : `?${new URLSearchParams({ path: folder })}`;
      await download(url, `${encodeURIComponent(workspace)}/archive${query}`, output);
    });
  files
    .command('diff')
    .description('print what was changed in it since its commit, or the start of its last job')
    .argument('<workspace>')
    .option('-o, --output <file>', 'where to; else to standard output')
    .option(...URL_OPTION)
    .action(async (workspace: string, { url, output }: Options) => {
      const { download } = await import('../file-transfer.ts');
      await download(url, `${encodeURIComponent(workspace)}/diff`, output);
    });
}
