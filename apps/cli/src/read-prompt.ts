/** The prompt: the argument, or standard input. */
import { text } from 'node:stream/consumers';
import { UsageError } from './usage-error.ts';

/**
 * `-`, or no argument while standard input is a pipe or a file, reads standard input to its end.
 * Errors: `UsageError` when there is no prompt.
 */
export async function readPrompt(argument: string | undefined): Promise<string> {
  const fromStdin = argument === '-' || (argument === undefined && process.stdin.isTTY !== true);
  const prompt = fromStdin ? (await text(process.stdin)).trimEnd() : (argument ?? '');
  if (prompt.trim() !== '') return prompt;
  throw new UsageError(
    'there is no prompt. Give it as an argument (cc-executor run "…") or on standard input (… | cc-executor run)',
  );
}
