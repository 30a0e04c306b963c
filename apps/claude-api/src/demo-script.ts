/**
 * What the demo engine does with a prompt. A prompt of the form `demo:{…}` scripts it, for demonstrations of
 * each ending and for load without a model:
 *
 *   text     the answer                                repeat   so many times (default 1)
 *   delayMs  between the pieces (default 15)           tool     a Bash command it pretends to run first
 *   fail     ends in this error, after the answer      hang     nothing comes after the answer
 *
 * Anything else is answered with an explanation and an echo.
 */
import { z } from 'zod';

const DEFAULT_DELAY_MS = 15;
const PIECE = /\s*\S{1,24}\s*/g;

const scriptSchema = z.object({
  text: z.string().default('demo '),
  repeat: z.number().int().min(0).max(1_000_000).default(1),
  delayMs: z.number().min(0).max(60_000).default(DEFAULT_DELAY_MS),
  tool: z.string().optional(),
  fail: z.string().optional(),
  hang: z.boolean().default(false),
});

export type DemoPlan = {
  readonly pieces: readonly string[];
  readonly delayMs: number;
  readonly tool?: string | undefined;
  readonly fail?: string | undefined;
  readonly hang: boolean;
};

/** Reads the prompt. One that only looks like a script is an ordinary prompt. */
export function planDemo(question: string): DemoPlan {
  const script = question.startsWith('demo:') ? parseScript(question.slice('demo:'.length)) : undefined;
  if (script === undefined) return { pieces: explanation(question), delayMs: DEFAULT_DELAY_MS, hang: false };
  const { text, repeat, ...rest } = script;
  return { ...rest, pieces: Array.from({ length: repeat }, () => text) };
}

function parseScript(json: string): z.infer<typeof scriptSchema> | undefined {
  try {
    return scriptSchema.safeParse(JSON.parse(json)).data;
  } catch {
    return undefined;
  }
}

function explanation(question: string): string[] {
  const text = [
    'This is a demo answer: no model was asked, because claude-api runs its demo engine.',
    'For real answers install Claude Code (npm install -g @anthropic-ai/claude-code), set ANTHROPIC_API_KEY',
    'or log in with `claude`, and start again.',
    `\n\nYour prompt was:\n${question}\n`,
  ].join(' ');
  return text.match(PIECE) ?? [];
}
