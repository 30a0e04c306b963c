/** The table of what runs where, shown once everything is ready. */
import { version } from '@cc-executor/runtime';
import colors from 'picocolors';
import type { ProbeResult } from './probes.ts';
import { type Ports, urlOf } from './services.ts';
import type { UpConfig } from './settings.ts';
import type { StackRedis } from './stack-redis.ts';

export type Summary = {
  readonly lines: readonly string[];
  /** The same for programs. */
  readonly fields: Readonly<Record<string, string | number>>;
};

/** The gateway that the command line talks to when it is told nothing else. */
const DEFAULT_GATEWAY = 'ws://127.0.0.1:8003';

/** Describes a running stack; `claudeApi` is the last /ready answer of claude-api. */
export function summarise(options: {
  config: UpConfig;
  ports: Ports;
  redis: StackRedis;
  claudeApi: ProbeResult | undefined;
  /** Where the key is that everybody is asked for; undefined: nobody is. */
  tokenFile?: string | undefined;
}): Summary {
  const { config, ports, redis, tokenFile } = options;
  const engine = engineOf(options.claudeApi);
  const gateway = urlOf(config.gatewayHost, ports.gateway, 'ws');
  const claudeApi = urlOf(config.claudeApiHost, ports.claudeApi);
  const dashboard = ports.dashboard === undefined ? undefined : urlOf(config.dashboardHost, ports.dashboard);
  const workers = ports.workers.length;
  const rows: [string, string][] = [
    ['gateway', `${gateway}/ws       subprotocol cc-executor.v1`],
    ['', `${gateway}/ws/mcp   the dialect of the earlier prototype`],
    ['claude-api', `${claudeApi}   ${engine.isDemo ? loud(engine.text) : engine.text}`],
    ['workers', `${workers} process${workers === 1 ? '' : 'es'}`],
    ['dashboard', dashboard ?? 'off'],
    ...(tokenFile === undefined
      ? []
      : ([['key', `${tokenFile}   to sign in, and for curl; the command line finds it`]] as [
          string,
          string,
        ][])),
    ['redis', redis.kind === 'embedded' ? loud(redis.description) : redis.description],
  ];
  const target = gateway === DEFAULT_GATEWAY ? '' : ` --url ${gateway}/ws`;
  return {
    lines: [
      colors.bold(`CC Executor ${version} is ready`),
      '',
      ...rows.map(([name, text]) => `${colors.dim(name.padEnd(10))}  ${text}`),
      '',
      `Try it:  ${colors.green(`npx cc-executor run${target} "hello"`)}`,
      'Ctrl-C stops everything.',
    ],
    fields: {
      gatewayUrl: `${gateway}/ws`,
      dialectUrl: `${gateway}/ws/mcp`,
      claudeApiUrl: claudeApi,
      engine: engine.text,
      workers,
      ...(dashboard === undefined ? {} : { dashboardUrl: dashboard }),
      redis: redis.description,
      ...(tokenFile === undefined ? {} : { tokenFile }),
    },
  };
}

function engineOf(answer: ProbeResult | undefined): { text: string; isDemo: boolean } {
  const check = answer?.checks?.engine;
  const name = (check?.data as { engine?: string } | undefined)?.engine;
  if (name === 'demo') return { text: 'DEMO engine: answers are made up, no model is asked', isDemo: true };
  return { text: `engine ${check?.detail ?? name ?? 'unknown'}`, isDemo: false };
}

function loud(text: string): string {
  return colors.bold(colors.yellow(text));
}
