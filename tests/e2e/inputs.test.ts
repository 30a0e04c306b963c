/** What goes into the real Claude Code besides a prompt, from the client down to the stand-in for the model's API. */
import { fileURLToPath } from 'node:url';
import type { TerminalEvent } from '@cc-executor/protocol';
import { describe, expect, it } from 'vitest';
import { runNode } from './support/child.ts';
import { useClaudeStack } from './support/claude.ts';
import { nativeDoor } from './support/doors.ts';

const main = fileURLToPath(new URL('../../apps/cli/src/main.ts', import.meta.url));

describe('the real Claude Code', () => {
  const stack = useClaudeStack('real');

  async function run(prompt: string, params: object): Promise<TerminalEvent> {
    const { wire, close } = await nativeDoor.connect(stack());
    try {
      const { result } = await wire.request('execute', { prompt, ...params });
      return (await wire.untilTerminal(result.jobId)).at(-1) as TerminalEvent;
    } finally {
      await close();
    }
  }

  describe('with a schema', () => {
    const outputSchema = {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      ...{ type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
    };
    const met = '[[tool: StructuredOutput {"city":"Bern"}]]';

    it('that is met completes, with the object, its text, and a transcript that says the same', async () => {
      const end = await run(met, { outputSchema });
      expect(end).toMatchObject({
        ...{ type: 'completed', structuredOutput: { city: 'Bern' }, text: '{"city":"Bern"}' },
      });
      const { wire, close } = await nativeDoor.connect(stack());
      const { result } = await wire.request('verify', { jobId: end.jobId }).finally(close);
      expect(result).toMatchObject({ verdict: 'verified' });
    });

    it('that is missed fails, though Claude Code reports success', async () => {
      const prompt = '[[tool: StructuredOutput {"town":7}]] [[text: It is Bern.]]';
      expect(await run(prompt, { outputSchema })).toMatchObject({
        type: 'failed',
        error: { code: 'structured_output_invalid', retrySafe: false },
        partial: true,
      });
    });

    it('that the model pays no heed to fails likewise', async () => {
      expect(await run('[[text: It is Bern.]]', { outputSchema })).toMatchObject({
        ...{ type: 'failed', error: { code: 'structured_output_invalid' }, partial: true },
      });
    });

    it('that Claude Code would not take fails before it starts, and says why', async () => {
      const asked = stack().model.requests.length;
      expect(await run(met, { outputSchema: { ...outputSchema, prefixItems: [] } })).toMatchObject({
        ...{ type: 'failed', partial: false },
        error: {
          ...{ code: 'options_invalid', retrySafe: true },
          message: expect.stringContaining('outputSchema: strict mode: unknown keyword: "prefixItems"'),
        },
      });
      expect(stack().model.requests).toHaveLength(asked);
    });

    it('of cc-executor run prints the object', async () => {
      const schema = JSON.stringify(outputSchema);
      const child = runNode([main, 'run', '--url', stack().url(), '--output-schema', schema, met]);
      expect(await child.ended, child.stderr()).toEqual({ code: 0, signal: null });
      expect(JSON.parse(child.stdout())).toEqual({ city: 'Bern' });
    });
  });
});
