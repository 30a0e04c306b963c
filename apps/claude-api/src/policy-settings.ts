/**
 * The settings that say what Claude Code may do here, with defaults that are safe for prompts of strangers: it can
 * read in its own workspace, and nothing else. docs/claude-code.md says how to open it up.
 */
import { claudeOptions } from '@cc-executor/claude-options';
import { grantSettings } from '@cc-executor/claude-options/grant-settings';
import { flag, listOf, oneOf, positiveInt, setting, text } from '@cc-executor/runtime';
import { z } from 'zod';

export const READING_TOOLS = ['Read', 'Grep', 'Glob'];

const PROTECTED_VARIABLES = /^(HOME|PATH|CC_EXECUTOR_.*|ANTHROPIC_.*|CLAUDE_.*|LD_.*|NODE_OPTIONS)$/;

const positiveNumber = z
  .string()
  .transform(Number)
  .refine((value) => value > 0 && Number.isFinite(value), { error: 'is not a number above 0' })
  .describe('a number above 0');

export const policySettings = {
  tools: setting({
    env: 'CLAUDE_TOOLS',
    schema: listOf().optional(),
    defaultText: 'Read,Grep,Glob and those of CLAUDE_ALLOWED_TOOLS',
    description:
      "Ceiling: the built-in tools that there are, whatever a request says. The word default stands for Claude Code's whole set, none for no tool at all.",
    example: 'default',
  }),
  restricted: setting({
    env: 'CLAUDE_RESTRICTED',
    schema: flag(),
    default: true,
    description:
      'Keeps file tools and @-mentions inside the workspace, and ignores settings files (and an API key helper) in the workspace and the home folder. Set to false only in a sandbox.',
  }),
  slashCommands: setting({
    env: 'CLAUDE_SLASH_COMMANDS',
    schema: flag(),
    default: false,
    description:
      "Whether a prompt that begins with / runs Claude Code's own commands and skills. /model and /config reach past the ceilings.",
  }),
  permissionMode: setting({
    env: 'CLAUDE_PERMISSION_MODE',
    schema: text().regex(/^[A-Za-z]+$/),
    default: 'default',
    description:
      "Claude Code's permission mode for requests that name none. With default, tools that change something are denied unless they are in the list of allowed tools, for nobody is there to be asked.",
  }),
  permissionModes: setting({
    env: 'CLAUDE_PERMISSION_MODES',
    schema: listOf(),
    default: ['default', 'manual', 'plan', 'dontAsk', 'acceptEdits'],
    description: 'Ceiling: the permission modes that a request may choose.',
  }),
  allowedTools: setting({
    env: 'CLAUDE_ALLOWED_TOOLS',
    schema: listOf(),
    default: [],
    defaultText: 'empty',
    description: 'Tools that Claude Code may use unasked, for requests that name none.',
    example: 'Read,Grep,Bash(git log:*)',
  }),
  disallowedTools: setting({
    env: 'CLAUDE_DISALLOWED_TOOLS',
    schema: listOf(),
    default: [],
    defaultText: 'empty',
    description: 'Ceiling: tools that are forbidden in every request, perhaps with a pattern.',
    example: 'WebFetch,Bash(rm:*)',
  }),
  allowToolOptions: setting({
    env: 'CLAUDE_ALLOW_TOOL_OPTIONS',
    schema: flag(),
    default: true,
    description:
      'Whether a request may choose allowedTools and permissionMode, within the ceilings. Set to false where callers are not trusted that far.',
  }),
  model: setting({
    env: 'CLAUDE_MODEL',
    schema: text().optional(),
    description:
      "The model for requests that name none; without it the first of CLAUDE_MODELS, or the CLI's.",
    example: 'sonnet',
  }),
  models: setting({
    env: 'CLAUDE_MODELS',
    schema: listOf(),
    default: [],
    defaultText: 'empty: any',
    description: 'Ceiling: the models that a request may choose, as it has to write them.',
    example: 'sonnet,haiku',
  }),
  fallbackModel: setting({
    env: 'CLAUDE_FALLBACK_MODEL',
    schema: text().optional(),
    description: 'The model to use when the first is overloaded, for requests that name none.',
  }),
  maxTurns: setting({
    env: 'CLAUDE_MAX_TURNS',
    schema: positiveInt({ max: claudeOptions.maxTurns.value.max }).optional(),
    description: 'Ceiling: agent turns of one execution; also the value for requests that name none.',
  }),
  maxBudgetUsd: setting({
    env: 'CLAUDE_MAX_BUDGET_USD',
    schema: positiveNumber.optional(),
    description:
      'Ceiling: US dollars that one execution may spend; also the value for requests that name none.',
  }),
  effort: setting({
    env: 'CLAUDE_EFFORT',
    schema: oneOf(claudeOptions.effort.value.choices).optional(),
    description: 'How hard the model thinks, for requests that name none.',
  }),
  addDirRoots: setting({
    env: 'CLAUDE_ADD_DIR_ROOTS',
    schema: listOf(),
    default: [],
    defaultText: 'empty: none',
    description: 'Ceiling: a request may name extra directories (addDirs) at or below these.',
    example: '/srv/reference',
  }),
  mcpFolder: setting({
    env: 'CLAUDE_MCP_FOLDER',
    schema: text().optional(),
    defaultText: 'unset: none',
    description:
      'Folder of MCP configurations: mcpConfig "files" in a request means tenants/TENANT/files.json in it, of the tenant alone, or files.json, for all.',
  }),
  requestEnv: setting({
    env: 'CLAUDE_REQUEST_ENV',
    schema: listOf()
      .refine((names) => !names.some((name) => PROTECTED_VARIABLES.test(name)), {
        error: 'names a variable that requests may never set',
      })
      .describe('names separated by commas'),
    default: [],
    defaultText: 'empty: none',
    description:
      'Ceiling: the environment variables that a request may set (env) for Claude Code and its tools.',
    example: 'GITHUB_TOKEN,TZ',
  }),
  ...grantSettings,
};
