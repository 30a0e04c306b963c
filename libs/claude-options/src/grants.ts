/**
 * What requests may ask for only where the operator has said so: the gateway refuses the rest before a job is accepted, and
 * claude-api whoever asks. Pure.
 */
import type { Ceiling, ClaudeOptions } from './options.ts';
import { isSourceAllowed } from './sources.ts';

export type Grants = {
  /** Whether a request may put its own system prompt in the place of Claude Code's. */
  readonly allowSystemPrompt: boolean;
  /** The settings of Claude Code that a request may make. */
  readonly requestSettings: readonly string[];
  /** What a job may begin from: each a `isSourceRule`. */
  readonly sources: readonly string[];
};

/**
 * Settings of Claude Code that an operator may leave to requests: they change how it writes and what it shows. All others
 * run programs outside of its permissions (`hooks`, `apiKeyHelper`, `statusLine` …), loosen these (`permissions`,
 * `sandbox`), lead elsewhere (`env`, plugins, MCP servers, logins) or reach past a ceiling (`model`), also with `--restricted`.
 */
export const grantableSettings: readonly string[] = [
  ...['alwaysThinkingEnabled', 'attribution', 'autoCompactEnabled', 'autoCompactWindow'],
  ...['bashOutputMaxChars', 'effortLevel', 'includeCoAuthoredBy', 'includeGitInstructions', 'language'],
  ...['outputStyle', 'promptCacheTtl', 'respectGitignore', 'showThinkingSummaries'],
  ...['subagentPromptCacheTtl', 'taskOutputMaxChars', 'timeFormat', 'timeZone', 'todoFeatureEnabled'],
];

const MAX_NAMED = 10;
const MAX_NAME_LENGTH = 64;
const MAX_ADDRESS_LENGTH = 200;

/** Each ceiling that is passed, with what is asked for in words. */
export function findUngranted(
  { systemPrompt, settings = {}, from }: Pick<ClaudeOptions, 'systemPrompt' | 'settings' | 'from'>,
  { allowSystemPrompt, requestSettings, sources }: Grants,
): [ceiling: Ceiling, message: string][] {
  const found: [Ceiling, string][] = [];
  if (systemPrompt !== undefined && !allowSystemPrompt) {
    found.push(['CLAUDE_ALLOW_SYSTEM_PROMPT', 'requests may not replace the system prompt']);
  }
  const refused = Object.keys(settings).filter(
    (name) => !requestSettings.includes(name) || !grantableSettings.includes(name),
  );
  if (refused.length > 0) {
    const named = refused.slice(0, MAX_NAMED).map((name) => name.slice(0, MAX_NAME_LENGTH));
    const more = refused.length > MAX_NAMED ? ` and ${refused.length - MAX_NAMED} more` : '';
    found.push(['CLAUDE_REQUEST_SETTINGS', `requests may not set ${named.join(', ')}${more}`]);
  }
  if (from !== undefined) {
    const address = 'git' in from ? from.git : from.archive;
    if (!isSourceAllowed(address, sources)) {
      found.push(['CLAUDE_SOURCES', `jobs may not begin from ${address.slice(0, MAX_ADDRESS_LENGTH)}`]);
    }
  }
  return found;
}
