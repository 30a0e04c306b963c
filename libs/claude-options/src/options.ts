/**
 * The one table of what may be asked of Claude Code. The requests of the protocol and of claude-api, Claude Code's
 * arguments, the options of `cc-executor run` and the tables in the documentation follow from it.
 * Invariant: no value that it lets through can be taken for a flag of the command line that is built from it.
 */
import type { Kind, TextKind, ValueOf } from './kinds.ts';

export type ClaudeOption = {
  value: Kind;
  /** What it is, in the protocol's documentation and in the help of the command line. */
  meaning: string;
  /** How `cc-executor run` takes it. */
  run: `--${string} <${string}>`;
  /** Claude Code's flag, which each value is bound to; or, in words, what claude-api does with it itself. */
  reaches: { flag: `--${string}` } | { as: string };
  /** The variables by which the operator of claude-api has a say. Where there is none, what a request asks for holds. */
  operator: {
    /** The value for requests that name none. */
    default?: string;
    /** What a request cannot go beyond. */
    ceilings?: readonly string[];
  };
};

const anyText: Omit<TextKind, 'max'> = {
  kind: 'text',
  pattern: /^[^\0]*$/,
  rule: 'may not hold a NUL',
  noun: 'string',
};
const name: TextKind = {
  kind: 'text',
  max: 64,
  pattern: /^[A-Za-z0-9][\w-]*$/,
  rule: 'must begin with a letter or a digit, and hold only letters, digits, _ and -',
  noun: 'name',
};
/** One rule only: Claude Code takes commas and blanks outside of the brackets for the next rule. */
const tool: TextKind = {
  kind: 'text',
  max: 1_000,
  pattern: /^[A-Za-z][\w*-]*(?:\([^()\p{Cc}]*\))?$/u,
  rule: 'must be one tool, perhaps with a pattern: Bash(git log:*)',
  noun: 'tool',
};

export const claudeOptions = {
  model: {
    value: {
      kind: 'text',
      max: 256,
      pattern: /^[A-Za-z0-9][\w.:/@-]*(?:\[\w+\])?$/,
      rule: 'must be the name of a model: letters, digits and _ . : / @ -, perhaps a suffix like [1m]',
      noun: 'name of a model',
    },
    meaning: 'the model that Claude Code uses',
    run: '--model <name>',
    reaches: { flag: '--model' },
    operator: { default: 'CLAUDE_MODEL', ceilings: ['CLAUDE_MODELS'] },
  },
  fallbackModel: {
    value: {
      kind: 'text',
      max: 1_024,
      pattern: /^[A-Za-z0-9][\w.:/@-]*(?:\[\w+\])?(?:,[A-Za-z0-9][\w.:/@-]*(?:\[\w+\])?)*$/,
      rule: 'must be the name of a model, or several separated by commas',
      noun: 'names of models',
    },
    meaning: 'the model to go on with when the first is overloaded; several are separated by commas',
    run: '--fallback-model <names>',
    reaches: { flag: '--fallback-model' },
    operator: { default: 'CLAUDE_FALLBACK_MODEL', ceilings: ['CLAUDE_MODELS'] },
  },
  systemPrompt: {
    value: {
      ...{ kind: 'text', max: 32_768, noun: 'string' },
      pattern: /^[^\0]+$/,
      rule: 'may not be empty or hold a NUL',
    },
    meaning: "in place of Claude Code's system prompt, where the operator allows it",
    run: '--system-prompt <text>',
    reaches: { flag: '--system-prompt' },
    operator: { ceilings: ['CLAUDE_ALLOW_SYSTEM_PROMPT'] },
  },
  appendSystemPrompt: {
    value: { ...anyText, max: 32_768 },
    meaning: 'appended to the system prompt',
    run: '--append-system-prompt <text>',
    reaches: { flag: '--append-system-prompt' },
    operator: {},
  },
  attachments: {
    value: {
      kind: 'files',
      mediaTypes: {
        png: 'image/png',
        jpg: 'image/jpeg',
        jpeg: 'image/jpeg',
        gif: 'image/gif',
        webp: 'image/webp',
        pdf: 'application/pdf',
        txt: 'text/plain',
      },
      max: 10,
      maxLength: 1_400_000,
    },
    meaning:
      'images and documents that the model sees before the prompt; Redis holds them encrypted, as it does `env`',
    run: '--image <file>',
    reaches: { as: 'content blocks on its standard input' },
    operator: {},
  },
  outputSchema: {
    value: { kind: 'schema', max: 16_384, maxDepth: 20 },
    meaning:
      'what the answer has to be: an object of this JSON Schema (draft 7), `structuredOutput` at the end',
    run: '--output-schema <json>',
    reaches: { flag: '--json-schema' },
    operator: {},
  },
  allowedTools: {
    value: { kind: 'list', of: tool, max: 100, joined: true },
    meaning: 'tools that Claude Code may use unasked',
    run: '--allowed-tools <list>',
    reaches: { flag: '--allowedTools' },
    operator: {
      default: 'CLAUDE_ALLOWED_TOOLS',
      ceilings: ['CLAUDE_TOOLS', 'CLAUDE_DISALLOWED_TOOLS', 'CLAUDE_ALLOW_TOOL_OPTIONS'],
    },
  },
  disallowedTools: {
    value: { kind: 'list', of: tool, max: 100, joined: true },
    meaning: 'tools that it may not use, besides those that are forbidden to all',
    run: '--disallowed-tools <list>',
    reaches: { flag: '--disallowedTools' },
    operator: { default: 'CLAUDE_DISALLOWED_TOOLS' },
  },
  permissionMode: {
    value: { ...anyText, max: 64, pattern: /^[A-Za-z]+$/, rule: 'must be a word', noun: 'word' },
    meaning: "Claude Code's permission mode",
    run: '--permission-mode <mode>',
    reaches: { flag: '--permission-mode' },
    operator: {
      default: 'CLAUDE_PERMISSION_MODE',
      ceilings: ['CLAUDE_PERMISSION_MODES', 'CLAUDE_ALLOW_TOOL_OPTIONS'],
    },
  },
  maxTurns: {
    value: { kind: 'integer', min: 1, max: 10_000 },
    meaning: 'limit on agent turns',
    run: '--max-turns <n>',
    reaches: { flag: '--max-turns' },
    operator: { default: 'CLAUDE_MAX_TURNS', ceilings: ['CLAUDE_MAX_TURNS'] },
  },
  maxBudgetUsd: {
    value: { kind: 'amount', max: 1_000_000 },
    meaning: 'limit on the cost, in US dollars',
    run: '--max-budget-usd <amount>',
    reaches: { flag: '--max-budget-usd' },
    operator: { default: 'CLAUDE_MAX_BUDGET_USD', ceilings: ['CLAUDE_MAX_BUDGET_USD'] },
  },
  effort: {
    value: { kind: 'choice', choices: ['low', 'medium', 'high', 'xhigh', 'max'] },
    meaning: 'how much the model thinks',
    run: '--effort <level>',
    reaches: { flag: '--effort' },
    operator: { default: 'CLAUDE_EFFORT' },
  },
  addDirs: {
    value: {
      kind: 'list',
      of: {
        kind: 'text',
        max: 1_024,
        pattern: /^\/[^\0]*$/,
        rule: 'must be an absolute path',
        noun: 'absolute path',
      },
      max: 20,
    },
    meaning: "directories of claude-api's machine that may be used besides the workspace",
    run: '--add-dir <path>',
    reaches: { flag: '--add-dir' },
    operator: { ceilings: ['CLAUDE_ADD_DIR_ROOTS'] },
  },
  mcpConfig: {
    value: { kind: 'list', of: name, max: 10, orOne: true },
    meaning: "MCP configurations that claude-api's operator has put there",
    run: '--mcp-config <name>',
    reaches: { flag: '--mcp-config' },
    operator: { ceilings: ['CLAUDE_MCP_FOLDER'] },
  },
  env: {
    value: {
      kind: 'map',
      names: {
        kind: 'text',
        max: 128,
        pattern: /^[A-Za-z_]\w*$/,
        rule: 'must be the name of a variable',
        noun: 'name of a variable',
      },
      values: { ...anyText, max: 32_768 },
    },
    meaning:
      'environment variables for Claude Code; Redis holds them encrypted with a key of the services, and nothing shows them',
    run: '--env <name=value>',
    reaches: { as: 'its environment' },
    operator: { ceilings: ['CLAUDE_REQUEST_ENV'] },
  },
  settings: {
    value: { kind: 'object', max: 16_384, maxDepth: 10 },
    meaning: 'settings of Claude Code, those that the operator allows',
    run: '--settings <json>',
    reaches: { flag: '--settings' },
    operator: { ceilings: ['CLAUDE_REQUEST_SETTINGS'] },
  },
  workspace: {
    value: name,
    meaning: 'the workspace to run in',
    run: '--workspace <name>',
    reaches: { as: 'its working directory' },
    operator: { ceilings: ['CLAUDE_WORKSPACES_DIR'] },
  },
  from: {
    value: { kind: 'source', maxDepth: 1_000 },
    meaning: 'the repository or archive that its workspace begins with, where the operator allows it',
    run: '--from <url[#ref]>',
    reaches: { as: 'the files in its working directory' },
    operator: { ceilings: ['CLAUDE_SOURCES'] },
  },
  conversation: {
    value: {
      kind: 'text',
      pattern: /^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[1-8][0-9A-Fa-f]{3}-[89ABab][0-9A-Fa-f]{3}-[0-9A-Fa-f]{12}$/,
      rule: 'must be a conversation that an earlier result named',
      noun: 'UUID',
    },
    meaning: 'the earlier conversation to continue',
    run: '--conversation <id>',
    reaches: { as: '`--resume`' },
    operator: {},
  },
} as const satisfies Record<string, ClaudeOption>;

export type OptionName = keyof typeof claudeOptions;

export const optionNames = Object.keys(claudeOptions) as OptionName[];

/** A variable that sets what a request cannot go beyond. */
export type Ceiling = Extract<
  (typeof claudeOptions)[OptionName],
  { operator: { ceilings: readonly string[] } }
>['operator']['ceilings'][number];

/** What may be asked of Claude Code. */
export type ClaudeOptions = { [N in OptionName]?: ValueOf<(typeof claudeOptions)[N]['value']> | undefined };
