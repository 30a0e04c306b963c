import { describe, expect, test } from 'vitest';
import { type ClaudeOption, claudeOptions, describeKind } from '../src/index.ts';

const options = Object.entries<ClaudeOption>(claudeOptions);

describe('the table', () => {
  test('gives each option flags of its own', () => {
    const ofRun = options.map(([, { run }]) => run.split(' ')[0]);
    const ofClaude = options.flatMap(([, { reaches }]) => ('flag' in reaches ? [reaches.flag] : []));
    for (const flags of [ofRun, ofClaude]) expect(new Set(flags).size).toBe(flags.length);
  });

  test('says in words which values an option takes', () => {
    const {
      fallbackModel,
      outputSchema,
      maxTurns,
      maxBudgetUsd,
      effort,
      addDirs,
      mcpConfig,
      env,
      conversation,
    } = claudeOptions;
    const described = [
      ...[fallbackModel, outputSchema, maxTurns, maxBudgetUsd, effort, addDirs, mcpConfig, env, conversation],
    ];
    expect(described.map(({ value }) => describeKind(value))).toEqual([
      'names of models, ≤ 1,024 characters',
      'JSON Schema of an object, ≤ 16,384 characters and 20 levels as JSON',
      'integer, 1–10,000',
      'number > 0, ≤ 1,000,000',
      '`"low"`, `"medium"`, `"high"`, `"xhigh"`, `"max"`',
      'list of ≤ 20 absolute paths',
      'name, or list of ≤ 10 names',
      'object of strings by name of a variable',
      'UUID',
    ]);
  });
});
