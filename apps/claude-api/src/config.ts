/**
 * claude-api's settings. The credentials are those of Claude Code itself and are handed on to it; an empty
 * ANTHROPIC_API_KEY means "never a key: use the login in the home folder".
 */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  byteSize,
  type Config,
  type ConfigRules,
  claudeApiSettings,
  commonSettings,
  durationMs,
  flag,
  isLoopback,
  listenerSettings,
  listOf,
  metricsSettings,
  oneOf,
  port,
  positiveInt,
  setting,
  text,
  userSuffix,
} from '@cc-executor/runtime';
import { tracingSettings } from '@cc-executor/tracing';
import { z } from 'zod';
import { credentialSource } from './credentials/source.ts';
import { policySettings } from './policy-settings.ts';

export const appName = 'claude-api';

export const settings = {
  ...commonSettings,
  host: setting({
    env: 'CLAUDE_API_HOST',
    schema: text(),
    default: '127.0.0.1',
    description:
      'Address to listen on. Anything but loopback needs CLAUDE_API_TOKEN, and should be inside a private network.',
  }),
  port: setting({
    env: 'CLAUDE_API_PORT',
    schema: port(),
    default: 8000,
    description: 'Port to listen on; 0 takes a free one.',
  }),
  ...claudeApiSettings,
  claudeApiTokenSha256: setting({
    env: 'CLAUDE_API_TOKEN_SHA256',
    schema: z
      .string()
      .regex(/^[0-9a-f]{64}$/, { error: 'is not such a digest' })
      .optional()
      .describe('64 hexadecimal digits'),
    secret: true,
    description:
      'The SHA-256 of CLAUDE_API_TOKEN, in its place: a tool that Claude Code runs as the same user, and that finds it, cannot call claude-api with it.',
  }),
  ...listenerSettings,
  engine: setting({
    env: 'CLAUDE_ENGINE',
    schema: oneOf(['auto', 'claude', 'demo']),
    default: 'auto',
    description:
      'What runs the prompts: the Claude Code CLI, or a demo that needs none. auto takes the CLI when it is found, else the demo with a warning.',
  }),
  bin: setting({
    env: 'CLAUDE_BIN',
    schema: text().optional(),
    defaultText: '`claude`',
    description:
      'The Claude Code CLI: a path, or a name that is looked up on PATH. One that is set, but cannot be run, is an error at the start; only without it auto falls back to the demo.',
    example: '/usr/local/bin/claude',
  }),
  workDir: setting({
    env: 'CLAUDE_WORK_DIR',
    schema: text(),
    default: join(tmpdir(), `cc-executor-${userSuffix()}`),
    defaultText: "`cc-executor-<uid>` in the system's folder for temporary files",
    description:
      'Each execution runs in a new folder below this one, which is removed afterwards, unless it names a workspace. It must belong to the user that claude-api runs as, and is closed to all others.',
  }),
  workspacesDir: setting({
    env: 'CLAUDE_WORKSPACES_DIR',
    schema: text().optional(),
    defaultText: 'unset: there are none',
    description:
      'Folder of the named workspaces, which are kept. Without it, requests that name one are refused.',
  }),
  fileMaxBytes: setting({
    env: 'CLAUDE_FILE_MAX_BYTES',
    schema: byteSize({ min: 1 }),
    default: 256 * 1024 * 1024,
    description:
      'The most that a file may have that is put into a workspace, and that is read of one at once (more in parts, by `Range`).',
  }),
  archiveMaxBytes: setting({
    env: 'CLAUDE_ARCHIVE_MAX_BYTES',
    schema: byteSize({ min: 1 }),
    default: 1024 * 1024 * 1024,
    description:
      'The most that the files of a workspace may have together for an archive of it, or of what a job begins from.',
  }),
  filesMax: setting({
    env: 'CLAUDE_FILES_MAX',
    schema: positiveInt({ max: 1_000_000 }),
    default: 100_000,
    description: 'How many names a folder may hold that is listed, and an archive.',
  }),
  diffMaxBytes: setting({
    env: 'CLAUDE_DIFF_MAX_BYTES',
    schema: byteSize({ min: 1 }),
    default: 16 * 1024 * 1024,
    description: 'The most that the diff of a workspace may have.',
  }),
  diffTimeoutMs: setting({
    env: 'CLAUDE_DIFF_TIMEOUT_MS',
    schema: durationMs({ min: 100 }),
    default: 30_000,
    description: 'How long Git may take for the diff of a workspace.',
  }),
  jobDiffs: setting({
    env: 'CLAUDE_JOB_DIFFS',
    schema: flag(),
    default: false,
    description:
      'Whether the state of a workspace is noted before each run in it, and what the run has changed kept when it ends, for as long as CLAUDE_VERIFIABLE_MS. The run waits for both, up to CLAUDE_DIFF_TIMEOUT_MS, and it takes as much of the disk again.',
  }),
  sourceTimeoutMs: setting({
    env: 'CLAUDE_SOURCE_TIMEOUT_MS',
    schema: durationMs({ min: 100 }),
    default: 2 * 60_000,
    description:
      'How long it may take until the archive or repository is there that a job begins from (CLAUDE_SOURCES). CLAUDE_ARCHIVE_MAX_BYTES and CLAUDE_FILES_MAX bound what comes.',
  }),
  maxExecutions: setting({
    env: 'CLAUDE_MAX_EXECUTIONS',
    schema: positiveInt({ max: 10_000 }),
    default: 8,
    description:
      'Executions at once; more are answered 429. One Claude Code takes a few hundred MB of memory.',
  }),
  maxPaused: setting({
    env: 'CLAUDE_MAX_PAUSED',
    schema: positiveInt({ min: 0, max: 10_000 }),
    default: 8,
    description:
      'How many executions may be paused, on top; beyond it a pause is answered 429. They keep their memory, and go on at once.',
  }),
  executionTimeoutMs: setting({
    env: 'CLAUDE_EXECUTION_TIMEOUT_MS',
    schema: durationMs({ min: 100 }),
    default: 30 * 60_000,
    description: 'How long one execution may take before it is stopped and ends with the status timeout.',
  }),
  pausedTimeoutMs: setting({
    env: 'CLAUDE_PAUSED_TIMEOUT_MS',
    schema: durationMs({ min: 100 }),
    default: 25 * 60 * 60_000,
    description:
      'How long one execution may be paused before it is stopped and ends with the status timeout. Its worker ends it sooner, unless that hangs.',
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
  exitGraceMs: setting({
    env: 'CLAUDE_EXIT_GRACE_MS',
    schema: durationMs({ min: 100 }),
    default: 5_000,
    description:
      'How long Claude Code may live on after its result before it is ended. Tasks in the background and further turns do not count.',
  }),
  sandbox: setting({
    env: 'CLAUDE_SANDBOX',
    schema: oneOf(['auto', 'on', 'off']),
    default: 'auto',
    description:
      "How much is kept from what an execution starts (Linux). auto: as much as the machine allows: processes, workspaces and conversations of others, this service's files, and the model's key. on: the same, and claude-api does not start where not all of that can be had. off: nothing, and Claude Code is given the key.",
  }),
  hiddenPaths: setting({
    env: 'CLAUDE_HIDDEN_PATHS',
    schema: listOf(),
    default: [],
    example: '/srv/backups,/home/service/.ssh',
    description:
      'Further files and folders that no execution shall reach, where CLAUDE_SANDBOX can hide them.',
  }),
  passEnv: setting({
    env: 'CLAUDE_PASS_ENV',
    schema: listOf(),
    default: [],
    example: 'GITHUB_TOKEN,JAVA_HOME',
    description:
      "Variables that Claude Code and its tools inherit besides those that it knows (PATH, HOME, LANG, proxies, ANTHROPIC_*, CLAUDE_*, AWS_*, GOOGLE_*, OTEL_* …). Nothing else of claude-api's environment reaches them.",
  }),
  keepTranscripts: setting({
    env: 'CLAUDE_KEEP_TRANSCRIPTS',
    schema: flag(),
    default: true,
    description:
      'Whether Claude Code keeps transcripts below its configuration folder. Without them nothing can be continued or verified.',
  }),
  verifiableMs: setting({
    env: 'CLAUDE_VERIFIABLE_MS',
    schema: durationMs(),
    default: 7 * 24 * 60 * 60_000,
    description: 'How long it is remembered which transcript belongs to which execution.',
  }),
  verifiableMax: setting({
    env: 'CLAUDE_VERIFIABLE_MAX',
    schema: positiveInt({ max: 1_000_000 }),
    default: 10_000,
    description: 'Of how many executions that is remembered.',
  }),
  drainMs: setting({
    env: 'CLAUDE_DRAIN_MS',
    schema: durationMs({ max: 24 * 60 * 60_000 }),
    default: 20_000,
    description: 'How long running executions may go on after SIGTERM before they are stopped.',
  }),
  ...policySettings,
  ...metricsSettings,
  ...tracingSettings,
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
  credentials: setting({
    env: 'CLAUDE_CREDENTIALS',
    schema: credentialSource().optional(),
    defaultText: "unset: all tenants use the service's",
    example: 'file:/run/cc-executor/credentials.json',
    description:
      "Where tenants' own credentials are. A file (mode 0600, in a folder of its own, which executions do not see; read again when it has changed) and a variable have, as JSON, for each tenant apiKey, authToken or oauthToken, and baseUrl if not ANTHROPIC_BASE_URL. A command, run by /bin/sh, finds a tenant in CC_EXECUTOR_TENANT and prints the same for it, or nothing.",
  }),
  credentialsRequired: setting({
    env: 'CLAUDE_CREDENTIALS_REQUIRED',
    schema: flag(),
    default: false,
    description:
      "Whether tenants that have no credentials of their own are refused (credentials_missing); otherwise they use the service's. The tenant `default` always may.",
  }),
  credentialsMaxAgeMs: setting({
    env: 'CLAUDE_CREDENTIALS_MAX_AGE_MS',
    schema: durationMs({ min: 1_000 }),
    default: 5 * 60_000,
    description: 'How long what the command of CLAUDE_CREDENTIALS has said of a tenant counts.',
  }),
};

export type ClaudeApiConfig = Config<typeof settings>;

export const rules: ConfigRules<typeof settings> = {
  check: ({ host, claudeApiToken, claudeApiTokenSha256, credentials, credentialsRequired, sandbox }) => {
    if (credentials !== undefined && sandbox === 'off')
      return [
        'CLAUDE_CREDENTIALS is set, and CLAUDE_SANDBOX is off: tools could read the credentials of all tenants',
      ];
    if (credentials === undefined && credentialsRequired === true)
      return ['CLAUDE_CREDENTIALS_REQUIRED is set, and CLAUDE_CREDENTIALS is not'];
    const given = [claudeApiToken, claudeApiTokenSha256].filter((each) => each !== undefined).length;
    if (given === 2) return ['CLAUDE_API_TOKEN and CLAUDE_API_TOKEN_SHA256 are both set; expected only one'];
    if (host === undefined || isLoopback(host) || given === 1) return [];
    return [
      `CLAUDE_API_HOST is ${host}, which others can reach, and CLAUDE_API_TOKEN is not set; expected the token that workers have, too, or CLAUDE_API_TOKEN_SHA256`,
    ];
  },
};
