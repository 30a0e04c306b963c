/**
 * claude-api's settings. The credentials are those of Claude Code itself and are handed on to it; an empty
 * ANTHROPIC_API_KEY means "never a key: use the login in the home folder".
 */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Config,
  commonSettings,
  durationMs,
  flag,
  listOf,
  oneOf,
  port,
  positiveInt,
  setting,
  text,
} from '@cc-executor/runtime';

export const appName = 'claude-api';

export const settings = {
  ...commonSettings,
  host: setting({
    env: 'CLAUDE_API_HOST',
    schema: text(),
    default: '127.0.0.1',
    description:
      'Address to listen on. Whoever reaches it can run Claude Code here: beyond this machine only inside a private network.',
  }),
  port: setting({
    env: 'CLAUDE_API_PORT',
    schema: port(),
    default: 8000,
    description: 'Port to listen on; 0 takes a free one.',
  }),
  engine: setting({
    env: 'CLAUDE_ENGINE',
    schema: oneOf(['auto', 'claude', 'demo']),
    default: 'auto',
    description:
      'What runs the prompts: the Claude Code CLI, or a demo that needs none. auto takes the CLI when it is found, else the demo with a warning.',
  }),
  bin: setting({
    env: 'CLAUDE_BIN',
    schema: text(),
    default: 'claude',
    description: 'The Claude Code CLI: a path, or a name that is looked up on PATH.',
    example: '/usr/local/bin/claude',
  }),
  workDir: setting({
    env: 'CLAUDE_WORK_DIR',
    schema: text(),
    default: join(tmpdir(), 'cc-executor'),
    defaultText: "cc-executor in the system's folder for temporary files",
    description: 'Each execution runs in a new folder below this one, which is removed afterwards.',
  }),
  maxExecutions: setting({
    env: 'CLAUDE_MAX_EXECUTIONS',
    schema: positiveInt({ max: 10_000 }),
    default: 8,
    description:
      'Executions at once; more are answered 429. One Claude Code takes a few hundred MB of memory.',
  }),
  executionTimeoutMs: setting({
    env: 'CLAUDE_EXECUTION_TIMEOUT_MS',
    schema: durationMs({ min: 100 }),
    default: 30 * 60_000,
    description: 'How long one execution may take before it is stopped and ends with the status timeout.',
  }),
  pingMs: setting({
    env: 'CLAUDE_PING_MS',
    schema: durationMs({ min: 20 }),
    default: 5_000,
    description: 'After so long a silence of Claude Code the stream carries a ping line.',
  }),
  stopGraceMs: setting({
    env: 'CLAUDE_STOP_GRACE_MS',
    schema: durationMs({ max: 60_000 }),
    default: 3_000,
    description:
      'Patience with a Claude Code that is being stopped: after SIGINT, and once more after SIGTERM.',
  }),
  drainMs: setting({
    env: 'CLAUDE_DRAIN_MS',
    schema: durationMs({ max: 24 * 60 * 60_000 }),
    default: 20_000,
    description: 'How long running executions may go on after SIGTERM before they are stopped.',
  }),
  permissionMode: setting({
    env: 'CLAUDE_PERMISSION_MODE',
    schema: text().regex(/^[A-Za-z]+$/),
    default: 'default',
    description:
      "Claude Code's permission mode for requests that name none. With default, tools that change something are denied unless they are in the list of allowed tools, for nobody is there to be asked.",
  }),
  allowedTools: setting({
    env: 'CLAUDE_ALLOWED_TOOLS',
    schema: listOf(),
    default: [],
    defaultText: 'empty',
    description: 'Tools that Claude Code may use unasked, for requests that name none.',
    example: 'Read,Grep,Bash(git log:*)',
  }),
  allowToolOptions: setting({
    env: 'CLAUDE_ALLOW_TOOL_OPTIONS',
    schema: flag(),
    default: true,
    description:
      'Whether a request may choose allowedTools and permissionMode, which can let it run any command as the user of this service. Set to false where callers are not trusted that far.',
  }),
  apiKey: setting({
    env: 'ANTHROPIC_API_KEY',
    schema: text().optional(),
    secret: true,
    keepEmpty: true,
    description:
      'API key for Claude Code. Set but empty: never a key, use the login in the mounted ~/.claude.',
  }),
  authToken: setting({
    env: 'ANTHROPIC_AUTH_TOKEN',
    schema: text().optional(),
    secret: true,
    description: 'Bearer token for Claude Code, in place of an API key, for a gateway in front of the model.',
  }),
  oauthToken: setting({
    env: 'CLAUDE_CODE_OAUTH_TOKEN',
    schema: text().optional(),
    secret: true,
    description: 'Long-lived token of a Claude subscription, from `claude setup-token`.',
  }),
  baseUrl: setting({
    env: 'ANTHROPIC_BASE_URL',
    schema: text().optional(),
    description: "Where Claude Code reaches the model, if not at Anthropic's own address.",
  }),
};

export type ClaudeApiConfig = Config<typeof settings>;
