/** What a run took of each model, in one form, whatever its summary knows of that. */
import type { RunSummary } from './events.ts';

export const tokenKinds = ['input', 'output', 'cache_read', 'cache_creation'] as const;

type TokenKind = (typeof tokenKinds)[number];

/** `model` is empty where it is not known which. */
type ModelUse = { model: string; costUsd: number; tokens: Record<TokenKind, number> };

/** Nothing for a run of which nothing is known. */
export function modelUsesOf({ models, usage = {}, costUsd = 0 }: RunSummary): ModelUse[] {
  if (models) {
    return Object.entries(models).map(([model, use]) => ({
      model,
      costUsd: use.costUsd,
      tokens: {
        input: use.inputTokens,
        output: use.outputTokens,
        cache_read: use.cacheReadTokens,
        cache_creation: use.cacheCreationTokens,
      },
    }));
  }
  const count = (name: string) => (typeof usage[name] === 'number' ? usage[name] : 0);
  const tokens = {
    input: count('input_tokens'),
    output: count('output_tokens'),
    cache_read: count('cache_read_input_tokens'),
    cache_creation: count('cache_creation_input_tokens'),
  };
  const isKnown = costUsd > 0 || tokenKinds.some((kind) => tokens[kind] > 0);
  return isKnown ? [{ model: '', costUsd, tokens }] : [];
}
