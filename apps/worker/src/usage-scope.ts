/**
 * Which jobs a usage limit concerns: all of the credential, or those of one model. Models have many names (`opus`,
 * `opus[1m]`, `claude-opus-4-5`), and a job may name none, so that they are told apart by family. Pure.
 */
import { ALL_MODELS } from '@cc-executor/job-log';

/** Of a job that leaves the model to claude-api. */
const UNNAMED = 'unnamed';

/** Limits of everything that the credential is used for, as Claude Code calls them. Others end in the name of a model. */
const WHOLE_LIMITS = new Set<string | undefined>([
  undefined,
  'five_hour',
  'seven_day',
  'seven_day_overage_included',
  'overage',
]);

/** `opus` of `opus`, `opus[1m]` and `us.anthropic.claude-opus-4-5`. */
export function familyOf(model: string | undefined): string {
  if (model === undefined) return UNNAMED;
  return /[a-z]+/.exec(model.toLowerCase().replace(/^.*claude-/, ''))?.[0] ?? model;
}

/**
 * The families that are held up by a limit. Who names another model than the one that is limited, and met it in a
 * sub-agent, is none of them.
 *
 * @param asked the model that the job names, if it does; @param used the one that Claude Code said it uses
 */
export function scopesOf(
  limit: string | undefined,
  asked: string | undefined,
  used: string | undefined,
): string[] {
  if (WHOLE_LIMITS.has(limit)) return [ALL_MODELS];
  const met = familyOf(used ?? asked);
  const limited = /^(?:five_hour|seven_day)_(.+)$/.exec(limit ?? '')?.[1] ?? met;
  return met === limited ? [...new Set([limited, familyOf(asked)])] : [limited];
}
