/** `cc-executor completion`: prints what makes a shell complete the commands, their options and what these take. */
import { Argument, type Command } from 'commander';
import type { Shell } from '../completion.ts';

const HELP = `
Examples:
  $ source <(cc-executor completion bash)     in ~/.bashrc; in ~/.zshrc with zsh, after compinit
  $ cc-executor completion fish > ~/.config/fish/completions/cc-executor.fish`;

export function registerCompletion(program: Command): void {
  program
    .command('completion')
    .description('print the completion of a shell')
    .addArgument(new Argument('<shell>', 'which one').choices(['bash', 'zsh', 'fish']))
    .addHelpText('after', HELP)
    .action(async (shell: Shell) => {
      const { completionFor } = await import('../completion.ts');
      process.stdout.write(completionFor(shell, program));
    });
}
