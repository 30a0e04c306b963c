/** The policy and the CLI's profile that the configuration asks for. */
import type { CliProfile } from './cli-arguments.ts';
import type { ClaudeApiConfig } from './config.ts';
import { type Policy, toolOf } from './policy.ts';
import { READING_TOOLS } from './policy-settings.ts';

/** The built-in tools that there are; undefined: all. A tool that the operator allows is offered. */
export function offeredTools(
  config: Pick<ClaudeApiConfig, 'tools' | 'allowedTools'>,
): readonly string[] | undefined {
  if (config.tools?.includes('default') === true) return undefined;
  if (config.tools !== undefined) return config.tools.filter((tool) => tool !== 'none');
  const allowed = config.allowedTools.map(toolOf).filter((tool) => !tool.startsWith('mcp__'));
  return [...new Set([...READING_TOOLS, ...allowed])];
}

export function choosePolicy(config: ClaudeApiConfig): Policy {
  return { ...config, tools: offeredTools(config) };
}

export function chooseProfile(config: ClaudeApiConfig): CliProfile {
  const { restricted, slashCommands, keepTranscripts } = config;
  return { tools: offeredTools(config), restricted, slashCommands, keepTranscripts };
}
