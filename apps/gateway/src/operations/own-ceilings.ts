/**
 * The ceilings of a tenant, and of a key, on what an `execute` may ask for, beside those that the operator sets for everybody: what
 * passes one is refused, what is not said is lowered to it. Pure.
 */
import type { Identity, Limits } from '@cc-executor/identity';
import type { ExecuteParams } from '@cc-executor/protocol';
import type { Holder, HoldersOf } from '../quotas/holders.ts';
import type { Ceilings } from './ceilings.ts';

type Asked = Omit<ExecuteParams, 'prompt'>;

/** Those that let a model do more than the tools that are named. */
const CAREFUL_MODES: readonly string[] = ['default', 'plan', 'dontAsk'];

const lists = ['models', 'tools', 'env'] as const;
const amounts = ['maxTurns', 'maxBudgetUsd'] as const;

/** What passes a ceiling of a holder, in words. */
export function findBeyond(asked: Asked, holders: readonly Holder[]): string[] {
  return holders.flatMap(({ of, limits }) =>
    findBeyondOne(asked, limits).map((words) => `${words} (of the ${of})`),
  );
}

function findBeyondOne(asked: Asked, limits: Limits): string[] {
  const { timeouts = {}, maxAttempts, maxTurns, maxBudgetUsd, priority, permissionMode } = asked;
  const named = { maxAttempts, maxTurns, maxBudgetUsd };
  const paths = Object.entries(timeouts).map(([name, value]) => [`timeouts.${name}`, value] as const);
  const passed = [...paths, ...Object.entries(named)].flatMap(([path, value]) => {
    const most = limits[path as (typeof amounts)[number]];
    return value !== undefined && most !== undefined && value > most
      ? [`${path} may be at most ${most}`]
      : [];
  });
  if (priority !== undefined && limits.priority !== undefined && priority < limits.priority) {
    passed.push(`priority may be no lower than ${limits.priority}`);
  }
  const { models, tools, env } = limits;
  const outside = (what: string, given: readonly string[], may: readonly string[] | undefined) => {
    for (const one of given) {
      if (may && !may.includes(one)) passed.push(`${what} ${one} is not one of ${may.join(', ') || 'none'}`);
    }
  };
  outside('the model', [asked.model ?? [], asked.fallbackModel?.split(',') ?? []].flat(), models);
  const rules = (asked.allowedTools ?? []).filter((rule) => !tools?.includes(rule.split('(', 1)[0] ?? rule));
  outside('the tool', rules, tools);
  outside('the variable', Object.keys(asked.env ?? {}), env);
  if (tools && permissionMode !== undefined && !CAREFUL_MODES.includes(permissionMode)) {
    passed.push(`permissionMode may be ${CAREFUL_MODES.join(', ')} alone, since tools are limited`);
  }
  return passed;
}

/** All ceilings of several holders at once: of each the strictest, of lists what stands in all. */
function strictest(holders: readonly Holder[]): Limits {
  const merged: Limits = {};
  for (const { limits } of holders) {
    for (const [name, value] of Object.entries(limits) as [keyof Limits, never][]) {
      const held = merged[name];
      merged[name] = (held === undefined ? value : stricter(name, held, value)) as never;
    }
  }
  return merged;
}

function stricter(name: keyof Limits, a: number | string[], b: number | string[]): number | string[] {
  if (Array.isArray(a) && Array.isArray(b)) return a.filter((one) => b.includes(one));
  return name === 'priority' ? Math.max(Number(a), Number(b)) : Math.min(Number(a), Number(b));
}

/** The operator's ceilings for an identity: lowered to its own. */
export type CeilingsFor = (identity: Identity) => Ceilings;

export function createCeilingsFor(ceilings: Ceilings, holdersOf: HoldersOf): CeilingsFor {
  return (identity) => {
    const own = strictest(holdersOf(identity));
    const lowered = Object.entries(ceilings).map(([path, value]) => {
      const most = own[path as keyof Ceilings];
      return [path, most === undefined ? value : stricter(path as keyof Limits, value, most)];
    });
    return Object.fromEntries(lowered) as Ceilings;
  };
}

/** Those that are no operator's for everybody, as `me` shows them. */
export function furtherCeilings(holders: readonly Holder[]): Record<string, number | string[]> {
  const own = strictest(holders);
  const named = [...amounts, ...lists].filter((name) => own[name] !== undefined);
  return Object.fromEntries(named.map((name) => [name, own[name] as number | string[]]));
}

/** What a request comes to: where it names none, the ceiling stands in its place, and the first of the models. */
export function withOwnDefaults<A extends Asked>(asked: A, holders: readonly Holder[]): A {
  const { models, tools, maxTurns, maxBudgetUsd } = strictest(holders);
  return {
    ...(models?.[0] !== undefined && { model: models[0] }),
    ...(tools && { allowedTools: tools }),
    ...(maxTurns !== undefined && { maxTurns }),
    ...(maxBudgetUsd !== undefined && { maxBudgetUsd }),
    ...asked,
  };
}
