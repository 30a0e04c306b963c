import { describe, expect, it } from 'vitest';
import { type ClaudeResult, createResultSum, judgeResult } from '../src/index.ts';
import { readAll, recording } from './recordings.ts';

const result = (fields: Partial<ClaudeResult>): ClaudeResult => ({ type: 'result', ...fields });
const use = (inputTokens: number, costUSD: number) => ({ inputTokens, outputTokens: 1, costUSD });

function resultOf(name: string): ClaudeResult {
  const event = readAll(recording(name)).find(({ type }) => type === 'result');
  if (event?.type !== 'result') throw new Error('the recording has no result');
  return event.result;
}

const summaryOf = (fields: Partial<ClaudeResult>) => judgeResult(result(fields)).summary;

describe('what a run took', () => {
  it('counts the tokens of sub-agents, in all and by model', () => {
    const recorded = resultOf('sub-agent');
    const { summary } = judgeResult(recorded);
    expect(recorded.usage).toMatchObject({ input_tokens: 24 });
    expect(summary.usage).toMatchObject({ input_tokens: 36 });
    expect(summary.models).toMatchObject({ 'claude-opus-5-5': { inputTokens: 36 } });
    expect(summary.costUsd).toBeCloseTo(recorded.total_cost_usd ?? 0);
  });

  it('is that of this run alone in a continued conversation, whose totals count from its beginning', () => {
    const summary = summaryOf({
      total_cost_usd: 0.3,
      usage: { input_tokens: 10 },
      modelUsage: { opus: use(30, 0.3) },
      model_usage_since_last_result: { opus: use(10, 0.1) },
    });
    expect(summary).toMatchObject({ costUsd: 0.1, usage: { input_tokens: 10, output_tokens: 1 } });
  });

  it('adds up over the turns of one run', () => {
    const spent = createResultSum();
    const turn = (model: string, cost: number) =>
      judgeResult(result({ model_usage_since_last_result: { [model]: use(1, cost) } }), {}, spent).summary;
    turn('opus', 0.25);
    turn('haiku', 0.5);
    expect(turn('opus', 0.25)).toMatchObject({
      costUsd: 1,
      usage: { input_tokens: 3 },
      models: { opus: { inputTokens: 2, costUsd: 0.5 }, haiku: { inputTokens: 1, costUsd: 0.5 } },
    });
  });

  it('is what older versions say', () => {
    const usage = { input_tokens: 3, service_tier: 'standard', nested: { deep: 1 } };
    expect(summaryOf({ usage, total_cost_usd: 0.5 })).toEqual({ usage: { input_tokens: 3 }, costUsd: 0.5 });
    expect(summaryOf({ usage, total_cost_usd: 0.5, modelUsage: { opus: use(7, 0.5) } })).toMatchObject({
      usage: { input_tokens: 7 },
      models: { opus: { inputTokens: 7 } },
      costUsd: 0.5,
    });
  });

  it('names twenty models, and counts the others too', () => {
    const part = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`model-${i}`, use(1, 0.01)]));
    const { models = {}, usage } = summaryOf({ model_usage_since_last_result: part });
    expect(Object.keys(models)).toHaveLength(21);
    expect(models.others).toMatchObject({ inputTokens: 30 });
    expect(usage).toMatchObject({ input_tokens: 50 });
  });
});

describe('what else a result says', () => {
  it('names the tools that were denied, and why the model stopped', () => {
    const { summary } = judgeResult(resultOf('denied-tool'));
    expect(summary).toMatchObject({
      stopReason: 'end_turn',
      permissionDenials: [{ tool: 'Bash', input: { command: 'touch it-ran' } }],
    });
    expect(summary).not.toHaveProperty('moreDenials');
    expect(judgeResult(resultOf('tool')).summary).not.toHaveProperty('permissionDenials');
  });

  it('tells of all parts of a run that waited for tasks in the background', () => {
    const spent = createResultSum();
    const events = readAll(recording('denied-in-background'));
    const summaries = events.flatMap((event) =>
      event.type === 'result' ? [judgeResult(event.result, {}, spent).summary] : [],
    );
    expect(summaries).toHaveLength(2);
    const permissionDenials = ['touch outer', 'touch inner'].map((command) => ({ input: { command } }));
    expect(summaries.at(-1)).toMatchObject({ turns: 4, permissionDenials });
    expect(summaries.at(-1)?.durationMs).toBeGreaterThan(summaries[0]?.durationMs ?? Infinity);
    expect(summaries.at(-1)?.timings).toEqual(summaries[0]?.timings);
  });

  it('keeps the first denials, and no long input', () => {
    const denial = { tool_name: 'Write', tool_use_id: 't', tool_input: { content: 'x'.repeat(1_000) } };
    const { permissionDenials, moreDenials } = summaryOf({ permission_denials: Array(53).fill(denial) });
    expect(permissionDenials).toEqual(Array(20).fill({ tool: 'Write', toolUseId: 't' }));
    expect(moreDenials).toBe(33);
  });

  it('passes a structured output on, whatever it is', () => {
    expect(judgeResult(resultOf('structured-output')).summary.structuredOutput).toEqual({ city: 'Bern' });
    for (const structured_output of [null, 0, false, '', []]) {
      expect(summaryOf({ structured_output })).toHaveProperty('structuredOutput', structured_output);
    }
  });

  it('times the model and the way to it', () => {
    const { timings } = judgeResult(resultOf('ok')).summary;
    expect(timings).toEqual({ firstRequestMs: 102, modelMs: 33 });
  });

  it('survives members of the wrong types', () => {
    const wrong = {
      ...{ modelUsage: { opus: 7 }, model_usage_since_last_result: { opus: null, haiku: { costUSD: 'x' } } },
      ...{ usage: [], permission_denials: [7, {}], stop_reason: 7, duration_api_ms: 'x' },
    } as unknown as ClaudeResult;
    expect(judgeResult({ ...wrong, type: 'result' }).summary).toMatchObject({
      models: { haiku: { costUsd: 0 } },
      permissionDenials: [{ tool: '', toolUseId: '' }],
    });
  });
});
