/**
 * The accounts of holders in the ledger: one for each quota on what jobs hold, one for each budget and the day or month (UTC) of
 * it. What a job is charged with, and what is told of a full one. Pure.
 */
import type { QuotaName } from '@cc-executor/identity';
import type { Charge, QuotaExceededError } from '@cc-executor/job-log';
import { DEFAULT_MAX_ATTEMPTS, type ExecuteParams, ProtocolError } from '@cc-executor/protocol';
import type { Holder } from './holders.ts';

type Kind = 'jobs' | 'bytes' | 'output' | 'usd' | 'tokens';

/** What is told of an account. */
type Named = {
  name: QuotaName;
  of: Holder['of'];
  account: string;
  kind: Kind | PlaceName;
  limit: number;
  /** When all of a budget is there again. */
  resetsAt?: number;
};

export type PlaceName = 'requests' | 'attachments';

type Account = Omit<Charge, 'amount'> &
  Named & {
    kind: Kind;
    /** Tokens that a job may take each time that it is begun, where that is said. */
    perJob?: number | undefined;
  };

/** The ledger has USD in millionths. */
const MILLIONTHS = 1_000_000;
/** When jobs may have ended meanwhile, in ms. */
const RETRY_MS = 1_000;

const settledBy: Record<Kind, Charge['settledBy']> = {
  ...{ jobs: 'held', bytes: 'held', output: 'kept', usd: 'usd', tokens: 'tokens' },
};

const kinds: { readonly [N in QuotaName]?: readonly [Kind, period?: 'day' | 'month'] } = {
  jobs: ['jobs'],
  bytes: ['bytes'],
  output: ['output'],
  usdPerDay: ['usd', 'day'],
  usdPerMonth: ['usd', 'month'],
  tokensPerDay: ['tokens', 'day'],
  tokensPerMonth: ['tokens', 'month'],
};

/** Those that have a limit. */
export function accountsOf(holders: readonly Holder[], now: number): Account[] {
  const ofTenant = holders.find(({ of }) => of === 'tenant')?.limits.tokensPerJob;
  return holders.flatMap(({ of, account, limits }) =>
    Object.entries(kinds).flatMap(([name, [kind, period]]) => {
      const limit = limits[name as QuotaName];
      if (limit === undefined) return [];
      const span = period === undefined ? undefined : spanOf(period, now);
      return [
        {
          ...{ name: name as QuotaName, of, kind },
          account: [account, kind, ...(span ? [span.name] : [])].join(' '),
          limit: kind === 'usd' ? Math.round(limit * MILLIONTHS) : limit,
          settledBy: settledBy[kind],
          ...(kind === 'tokens' && { perJob: limits.tokensPerJob ?? ofTenant }),
          ...(span && { resetsAt: span.endsAt }),
        },
      ];
    }),
  );
}

/** The accounts in which gateways take places, of those that have a limit. */
export function placesIn(holders: readonly Holder[], name: PlaceName): Named[] {
  return holders.flatMap(({ of, account, limits: { [name]: limit } }) =>
    limit === undefined ? [] : [{ of, name, kind: name, account: `${account} ${name}`, limit }],
  );
}

/** What is taken, in the unit of the limit. */
export function inUnits({ kind }: Pick<Named, 'kind'>, amount: number): number {
  return kind === 'usd' ? amount / MILLIONTHS : amount;
}

/**
 * What a job is charged with. Nobody knows before how much it puts out, and how many tokens it takes unless that is said: it is let in
 * as long as there is some left.
 *
 * Errors: `beyond_ceiling` for one that no account could ever have room for, or that may cost anything while there is a budget.
 */
export function chargesOf(accounts: readonly Account[], job: ExecuteParams): Charge[] {
  if (accounts.length === 0) return [];
  const budgeted = accounts.find(({ kind }) => kind === 'usd');
  if (budgeted && job.maxBudgetUsd === undefined) {
    throw new ProtocolError(
      'beyond_ceiling',
      `maxBudgetUsd has to be said: the ${budgeted.of} has a budget (${budgeted.name}), of which it is reserved`,
    );
  }
  const calls = job.retry === 'always' ? (job.maxAttempts ?? DEFAULT_MAX_ATTEMPTS) : 1;
  // Once for all accounts: a prompt can be long.
  let bytes: number | undefined;
  const amounts: Record<Kind, (account: Account) => number> = {
    jobs: () => 1,
    bytes() {
      bytes ??= Buffer.byteLength(JSON.stringify(job));
      return bytes;
    },
    usd: () => Math.ceil((job.maxBudgetUsd ?? 0) * MILLIONTHS) * calls,
    tokens: ({ perJob }) => (perJob === undefined ? 1 : perJob * calls),
    output: () => 1,
  };
  return accounts.map((account) => {
    const { kind, limit, settledBy, of, name } = account;
    const amount = amounts[kind](account);
    if (amount > limit) {
      const asked = `it asks for ${inUnits(account, amount)}`;
      throw new ProtocolError(
        'beyond_ceiling',
        `Beyond all that the ${of} may have: ${name} is ${inUnits(account, limit)}, and ${asked}`,
      );
    }
    return { account: account.account, amount, limit, settledBy };
  });
}

/**
 * A full account, as it is told.
 *
 * @param now Unix ms, as all times here
 * @param nextGone when output of an ended job is gone next, if any is
 */
export function refusalOf(
  { charge, taken }: QuotaExceededError,
  accounts: readonly Account[],
  now: number,
  nextGone: number | undefined,
): ProtocolError {
  const account = accounts.find((one) => one.account === charge.account);
  if (account === undefined) throw new Error(`no account ${charge.account}`);
  const [has, may, needs] = [taken, charge.limit, charge.amount].map((one) => inUnits(account, one));
  const isOutput = account.kind === 'output';
  const why = isOutput ? 'by the events of jobs, until these expire' : `and this needs ${needs}`;
  const message = `The quota ${account.name} of the ${account.of} is reached: ${has} of ${may} are taken, ${why}`;
  const freeAt = account.resetsAt ?? (isOutput ? nextGone : undefined) ?? now;
  return new ProtocolError('quota_exceeded', message, Math.max(RETRY_MS, freeAt - now));
}

function spanOf(period: 'day' | 'month', now: number): { name: string; endsAt: number } {
  const date = new Date(now);
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()];
  return period === 'day'
    ? { name: date.toISOString().slice(0, 10), endsAt: Date.UTC(year, month, day + 1) }
    : { name: date.toISOString().slice(0, 7), endsAt: Date.UTC(year, month + 1) };
}
