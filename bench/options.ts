/** The command line of `npm run bench`. */
import { parseArgs } from 'node:util';
import type { AnyCase } from './case.ts';

export type Options = {
  readonly cases: readonly AnyCase[];
  readonly rounds: number;
  /** Where all figures go as JSON; undefined: nowhere. */
  readonly json: string | undefined;
  readonly isStrict: boolean;
  readonly isSmoke: boolean;
};

const DEFAULT_ROUNDS = 3;

/** The help. */
export function usage(cases: readonly AnyCase[]): string {
  return `The product beside what its users would write instead, in one run; each goal is marked met or not met.

usage: npm run bench -- [options] [CASE…]

${cases.map(({ name, title, isOnlyNamed }) => `  ${name}  ${title}${isOnlyNamed ? ' (only when it is named)' : ''}`).join('\n')}

  --rounds N   how often each is measured; the medians count; default ${DEFAULT_ROUNDS}
  --json FILE  all figures of all rounds, besides what is printed
  --strict     exit code 1 also when a goal is not met, or could not be measured
  --smoke      as small as possible: shows that every case works, and measures nothing
  --help

Exit codes: 0 measured, 1 something broke (--strict: or a goal is not met), 64 usage. docs/performance.md says how it
is measured, and what the figures cannot tell.
`;
}

/** Throws, in words for whoever typed it, when it makes no sense. */
export function readOptions(args: string[], known: readonly AnyCase[]): Options | 'help' {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      rounds: { type: 'string', default: `${DEFAULT_ROUNDS}` },
      json: { type: 'string' },
      strict: { type: 'boolean', default: false },
      smoke: { type: 'boolean', default: false },
      help: { type: 'boolean' },
    },
  });
  if (values.help) return 'help';
  const rounds = Number(values.rounds);
  if (!Number.isSafeInteger(rounds) || rounds < 1) throw new Error('--rounds must be a whole number above 0');
  const wanted = positionals.map((name) => name.toUpperCase());
  const unknown = wanted.find((name) => !known.some((one) => one.name === name));
  if (unknown !== undefined) throw new Error(`there is no case ${unknown}`);
  const isWanted = ({ name, isOnlyNamed }: AnyCase) =>
    wanted.length === 0 ? values.smoke || !isOnlyNamed : wanted.includes(name);
  return {
    cases: known.filter(isWanted),
    rounds,
    json: values.json,
    isStrict: values.strict,
    isSmoke: values.smoke,
  };
}
