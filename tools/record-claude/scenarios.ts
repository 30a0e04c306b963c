/** What is recorded of the real Claude Code: a prompt for the stand-in model, and how the run is disturbed. */
import type { RecordClaudeOptions } from '@cc-executor/testing';

export type Scenario = Omit<RecordClaudeOptions, 'bin'>;

const BASH = ['--allowedTools=Bash'];
const LONG = '[[chunks: 60]] [[delay: 50]]';
const DELTA = '"text":"w20 "';

/** As the API answers a subscription whose limit of five hours is used up. */
const USAGE_LIMIT = {
  status: 429,
  headers: {
    'anthropic-ratelimit-unified-status': 'rejected',
    'anthropic-ratelimit-unified-reset': '1795500000',
    'anthropic-ratelimit-unified-representative-claim': 'five_hour',
  },
};

export const scenarios: Readonly<Record<string, Scenario>> = {
  'long-tool': {
    prompt: '[[bash: for i in 1 2 3 4; do echo "step $i"; sleep 2; done]] [[bash: echo $((6 * 7))]]',
    args: BASH,
  },
  'failed-tool': { prompt: '[[bash: cat /nowhere; exit 3]]', args: BASH },
  'denied-tool': { prompt: '[[bash: touch it-ran]] [[text: It was not allowed.]]' },
  retried: { prompt: '[[status: 529 1]] [[text: At the second try.]]' },
  refused: { prompt: '[[stop: refusal]] [[text: That I will not]]' },
  'refused-twice': { prompt: 'Say it', behaviour: { stopReason: 'refusal', text: 'That I will not' } },
  'output-limit': { prompt: 'Say it', behaviour: { stopReason: 'max_tokens', text: 'cut' } },
  'no-credit': {
    prompt: 'Say it',
    behaviour: {
      error: {
        status: 400,
        type: 'invalid_request_error',
        message: 'Your credit balance is too low to access the Anthropic API.',
      },
    },
  },
  'prompt-too-long': {
    prompt: 'Say it',
    behaviour: {
      error: {
        status: 400,
        type: 'invalid_request_error',
        message: 'prompt is too long: 210000 tokens > 200000 maximum',
      },
    },
  },
  'no-such-model': {
    prompt: 'Say it',
    behaviour: { error: { status: 404, type: 'not_found_error', message: 'model: claude-nothing' } },
  },
  'usage-limit': {
    prompt: 'Say it',
    behaviour: { error: USAGE_LIMIT },
    env: { ANTHROPIC_API_KEY: undefined, CLAUDE_CODE_OAUTH_TOKEN: 'sk-ant-oat01-stand-in' },
  },
  'sub-agent': {
    prompt:
      '[[tool: Task {"description":"Look","prompt":"Say hi","subagent_type":"general-purpose","run_in_background":false}]] [[text: It said hi.]]',
    args: ['--allowedTools=Task'],
  },
  'denied-in-background': {
    // The directives of a prompt end where the first of these ends.
    prompt:
      '[[tool: Task {"description":"Look","prompt":"[[bash: touch inner\\u005d\\u005d","subagent_type":"general-purpose","run_in_background":true}]] [[bash: touch outer]] [[text: Neither was allowed.]]',
    args: ['--allowedTools=Task'],
  },
  'structured-output': {
    prompt: '[[tool: StructuredOutput {"city":"Bern"}]]',
    args: ['--json-schema={"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}'],
  },
  'dead-mcp-servers': {
    prompt: 'Say it',
    args: [
      '--strict-mcp-config',
      '--mcp-config={"mcpServers":{"gone":{"command":"/nowhere/server"},"closed":{"type":"http","url":"http://127.0.0.1:9/mcp"}}}',
    ],
  },
  unauthorized: { prompt: '[[status: 401]]' },
  'rate-limited': { prompt: '[[status: 429]]' },
  'bad-request': { prompt: '[[status: 400]]' },
  'max-turns': { prompt: '[[bash: echo 1]] [[bash: echo 2]]', args: [...BASH, '--max-turns=1'] },
  'interrupted-tool': {
    prompt: '[[bash: echo begun; s=sleep; $s 60]]',
    args: BASH,
    kill: { signal: 'SIGINT', at: '"tool_use","id"' },
  },
  terminated: { prompt: LONG, kill: { signal: 'SIGTERM', at: DELTA } },
  killed: { prompt: LONG, kill: { signal: 'SIGKILL', at: DELTA } },
  'killed-at-start': { prompt: LONG, kill: { signal: 'SIGKILL', at: '"subtype":"init"' } },
  'killed-in-tool': {
    prompt: '[[bash: echo begun; s=sleep; $s 60]]',
    args: BASH,
    kill: { signal: 'SIGKILL', at: '"tool_use","id"' },
  },
};
