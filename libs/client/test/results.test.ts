import type { EventBody } from '@cc-executor/protocol';
import { describe, expect, it } from 'vitest';
import { ClientError, type StandardSchema } from '../src/index.ts';
import { connectPair, failure, startJob } from './harness.ts';
import { completed, output, scriptJob } from './scripted-gateway.ts';

const jsonSchema = { type: 'object', properties: { sum: { type: 'number' } }, required: ['sum'] };

/** As a schema library gives it. */
const sumSchema: StandardSchema<{ sum: number }> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) => {
      const { sum } = value as { sum?: unknown };
      return typeof sum === 'number' ? { value: { sum } } : { issues: [{ message: 'sum: no number' }] };
    },
    jsonSchema: { input: () => jsonSchema },
  },
};

const completedWith = (more: object) => ({ ...completed, ...more }) as EventBody;

describe('the result of a job', () => {
  it('is the answer of one that completed', async () => {
    const { client, connection } = await connectPair();
    const { handle, job } = await startJob(client, connection);
    connection.notify('event', job.event(1, output('Look: ')));
    connection.notify('event', job.event(2, { type: 'output', text: '168', begin: true }));
    connection.notify('event', job.event(3, completed));
    expect(await handle.result()).toMatchObject({ text: '168', output: undefined, end: { seq: 3 } });
  });

  it('is an error that holds the end of one that did not', async () => {
    const { client, connection } = await connectPair();
    const { handle, job } = await startJob(client, connection);
    connection.notify('event', job.event(1, { type: 'cancelled', by: 'client', partial: false }));
    const error = await failure(handle.result());
    expect(error).toMatchObject({ code: 'not_completed', jobId: job.jobId, end: { type: 'cancelled' } });
  });

  it.each([
    ['the structured output', { structuredOutput: { sum: 3, more: true } }],
    ['the text, where it was too long for the event', { text: '{"sum":3}' }],
  ])('has %s, judged by the schema that was given', async (_, end) => {
    const { client, connection } = await connectPair();
    const executing = client.execute({ prompt: 'add', outputSchema: sumSchema });
    const request = await connection.expect('execute');
    expect(request.params.outputSchema).toEqual(jsonSchema);
    const job = scriptJob();
    connection.reply(request, job.accepted);
    connection.notify('event', job.event(1, completedWith(end)));
    const { output: sum } = await (await executing).result();
    expect(sum satisfies { sum: number }).toEqual({ sum: 3 });
  });

  it('is an error where the output is not of its schema', async () => {
    const { client, connection } = await connectPair();
    const executing = client.execute({ prompt: 'add', outputSchema: sumSchema });
    const job = scriptJob();
    connection.reply(await connection.expect('execute'), job.accepted);
    connection.notify('event', job.event(1, completedWith({ structuredOutput: {} })));
    const error = await failure((await executing).result());
    expect(error).toMatchObject({ code: 'output_invalid', message: 'sum: no number' });
  });

  it('refuses a schema that cannot be told as JSON Schema, and takes a JSON Schema as it is', async () => {
    const { client, connection } = await connectPair();
    const { jsonSchema: _, ...mute } = sumSchema['~standard'];
    const refused = client.execute({ prompt: 'add', outputSchema: { '~standard': mute } });
    await expect(refused).rejects.toBeInstanceOf(ClientError);
    await expect(refused).rejects.toMatchObject({ code: 'invalid_params' });
    const executing = client.execute({ prompt: 'add', outputSchema: jsonSchema });
    const request = await connection.expect('execute');
    expect(request.params.outputSchema).toEqual(jsonSchema);
    connection.reply(request, scriptJob().accepted);
    await executing;
  });
});

describe('a conversation', () => {
  it('goes on with what the job before it left, and waits for its end', async () => {
    const { client, connection } = await connectPair();
    const conversation = client.conversation();
    expect(conversation.id).toBeUndefined();
    const sent = [conversation.send('one'), conversation.send({ prompt: 'two', effort: 'low' })];
    const first = scriptJob();
    const request = await connection.expect('execute');
    expect(request.params).not.toHaveProperty('conversation');
    connection.reply(request, first.accepted);
    await sent[0];
    connection.notify('event', first.event(1, completedWith({ conversation: 'conversation-1' })));
    const second = await connection.expect('execute');
    expect(second.params).toMatchObject({ prompt: 'two', effort: 'low', conversation: 'conversation-1' });
    connection.reply(second, scriptJob().accepted);
    await sent[1];
    expect(conversation.id).toBe('conversation-1');
  });

  it('goes on after a job that was refused, and where another one stopped', async () => {
    const { client, connection } = await connectPair();
    const conversation = client.conversation('conversation-7');
    const refused = failure(conversation.send('one'));
    connection.refuse(await connection.expect('execute'), 'beyond_ceiling');
    expect((await refused).code).toBe('beyond_ceiling');
    const sending = conversation.send('two');
    const request = await connection.expect('execute');
    expect(request.params.conversation).toBe('conversation-7');
    connection.reply(request, scriptJob().accepted);
    await sending;
  });
});
