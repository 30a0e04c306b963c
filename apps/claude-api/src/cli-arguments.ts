/** The CLI's arguments for a request. Every value is bound to its flag with `=`, so none can be taken for one. */
import type { ExecutionRequest } from './engine.ts';

/** What holds for requests that do not say otherwise. */
export interface CliDefaults {
  readonly permissionMode: string;
  readonly allowedTools: readonly string[];
}

/** Builds the arguments; the prompt is not among them, it goes to standard input. */
export function buildCliArguments(request: ExecutionRequest, defaults: CliDefaults): string[] {
  const { model, appendSystemPrompt, disallowedTools = [], maxTurns } = request;
  const { allowedTools = defaults.allowedTools, permissionMode = defaults.permissionMode } = request;
  return [
    '-p',
    '--output-format=stream-json',
    '--verbose',
    '--include-partial-messages',
    `--permission-mode=${permissionMode}`,
    ...(model === undefined ? [] : [`--model=${model}`]),
    ...(appendSystemPrompt === undefined ? [] : [`--append-system-prompt=${appendSystemPrompt}`]),
    ...allowedTools.map((tool) => `--allowedTools=${tool}`),
    ...disallowedTools.map((tool) => `--disallowedTools=${tool}`),
    ...(maxTurns === undefined ? [] : [`--max-turns=${maxTurns}`]),
  ];
}
