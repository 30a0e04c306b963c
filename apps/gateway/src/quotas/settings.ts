/** What each tenant may hold and spend that has no limit of its own: one setting for each quota. */
import type { QuotaName } from '@cc-executor/identity';
import { amount, byteSize, type Config, positiveInt, type Setting, setting } from '@cc-executor/runtime';

const quotaSettings = {
  jobs: quota('QUOTA_JOBS', positiveInt().optional(), 'How many unfinished jobs a tenant may have at once'),
  bytes: quota('QUOTA_BYTES', byteSize().optional(), 'How much the unfinished jobs of a tenant may ask for'),
  output: quota(
    'QUOTA_OUTPUT',
    byteSize().optional(),
    'How much the events of a tenant’s jobs may take in Redis until nothing new is accepted of it',
  ),
  attachments: quota(
    'QUOTA_ATTACHMENTS',
    positiveInt().optional(),
    'How many jobs a tenant may listen to at once, at all gateways together',
  ),
  requests: quota(
    'QUOTA_REQUESTS',
    positiveInt().optional(),
    'How many requests of a tenant all gateways together answer at once',
  ),
  costPerMinute: quota(
    'QUOTA_COST_PER_MINUTE',
    positiveInt().optional(),
    'What the requests of a tenant in a minute may cost, at all gateways together: most cost 1, `execute`, `attach` and the like 5, lists and `verify` 20',
  ),
  usdPerDay: quota(
    'QUOTA_USD_PER_DAY',
    amount().optional(),
    'What the jobs of a tenant may cost in a day (UTC)',
  ),
  usdPerMonth: quota(
    'QUOTA_USD_PER_MONTH',
    amount().optional(),
    'What the jobs of a tenant may cost in a month (UTC)',
  ),
  tokensPerDay: quota(
    'QUOTA_TOKENS_PER_DAY',
    positiveInt().optional(),
    'How many tokens the jobs of a tenant may take in a day',
  ),
  tokensPerMonth: quota(
    'QUOTA_TOKENS_PER_MONTH',
    positiveInt().optional(),
    'How many tokens they may take in a month',
  ),
  tokensPerJob: quota(
    'QUOTA_TOKENS_PER_JOB',
    positiveInt().optional(),
    'How many of these tokens are reserved for a job, each time that it may be begun, until it is known how many it took',
  ),
  running: quota(
    'QUOTA_RUNNING',
    positiveInt().optional(),
    'How many jobs of a tenant workers may have at once; more of them wait while others go on',
  ),
} satisfies Record<QuotaName, Setting<number | undefined>>;

/** By the names that they have among all settings. */
export const quotaSettingsOfGateway = Object.fromEntries(
  Object.entries(quotaSettings).map(([name, definition]) => [settingName(name as QuotaName), definition]),
) as { [N in QuotaName as `quota.${N}`]: Setting<number | undefined> };

export type Quotas = { readonly [N in QuotaName]?: number | undefined };

/** The quotas alone, of all settings. */
export function quotasOf(config: Config<typeof quotaSettingsOfGateway>): Quotas {
  const names = Object.keys(quotaSettings) as QuotaName[];
  return Object.fromEntries(names.map((name) => [name, config[settingName(name)]]));
}

function settingName<N extends QuotaName>(name: N): `quota.${N}` {
  return `quota.${name}`;
}

function quota(
  env: string,
  schema: Setting<number | undefined>['schema'],
  what: string,
): Setting<number | undefined> {
  const description = `${what}, where nothing else is said of it. docs/identity.md has the limits of single tenants and keys.`;
  return setting({ env, schema, defaultText: 'no limit', description });
}
