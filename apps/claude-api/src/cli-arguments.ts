/** The CLI's arguments for a request. Every value is bound to its flag with `=`, so none can be taken for one. */
import { type ClaudeOption, claudeOptions, type OptionName, optionNames } from '@cc-executor/claude-options';
import { withoutDialect } from '@cc-executor/claude-options/output-schema';
import type { ExecutionRequest } from './engine.ts';

/** What the operator lets Claude Code be, whatever a request says. */
export type CliProfile = {
  /** Built-in tools that there are; undefined: all of Claude Code's. */
  readonly tools: readonly string[] | undefined;
  /** File tools stay inside the workspace, and settings files that lie there or in the home folder are ignored. */
  readonly restricted: boolean;
  /** Prompts that begin with `/` run Claude Code's own commands, `/config` and `/model` among them. */
  readonly slashCommands: boolean;
  /** Without transcripts nothing can be continued or verified. */
  readonly keepTranscripts: boolean;
};

/** The conversation that a run begins or goes on with. */
export type CliSession = {
  readonly conversation: string;
  readonly resume: boolean;
};

/** Builds the arguments; the prompt is not among them, it goes to standard input (`cli-input.ts`). */
export function buildCliArguments(
  request: ExecutionRequest,
  profile: CliProfile,
  { conversation, resume }: CliSession,
): string[] {
  return [
    '-p',
    ...(request.attachments?.length ? ['--input-format=stream-json'] : []),
    '--output-format=stream-json',
    '--verbose',
    '--include-partial-messages',
    // Only what mcpConfig names: a workspace may hold an .mcp.json of its own.
    '--strict-mcp-config',
    ...(profile.restricted ? ['--restricted'] : []),
    ...(profile.slashCommands ? [] : ['--disable-slash-commands']),
    ...(profile.keepTranscripts ? [] : ['--no-session-persistence']),
    ...(profile.tools === undefined ? [] : [`--tools=${profile.tools.join(',')}`]),
    `${resume ? '--resume' : '--session-id'}=${conversation}`,
    ...optionNames.flatMap((name) => bind(claudeOptions[name].reaches, request[name])),
  ];
}

/** A list is bound member by member; an object, which is a schema, as JSON. */
function bind(reaches: ClaudeOption['reaches'], value: ExecutionRequest[OptionName]): string[] {
  if (value === undefined || !('flag' in reaches)) return [];
  return [value].flat().map((member) => {
    const text = typeof member === 'object' ? JSON.stringify(withoutDialect(member)) : member;
    return `${reaches.flag}=${text}`;
  });
}
