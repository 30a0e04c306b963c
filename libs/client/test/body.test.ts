import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { fetchBody } from '../src/body.ts';
import { connectPair, failure } from './harness.ts';
import { scriptJob } from './scripted-gateway.ts';

const message = { type: 'user', content: 'é漢🙂' };
const text = JSON.stringify(message);
const size = { bytes: Buffer.byteLength(text), sha256: createHash('sha256').update(text).digest('hex') };

/** Pages of three characters, by where they begin. */
function pages() {
  const characters = [...text];
  const found = new Map<number, { offset: number; text: string; nextOffset?: number }>();
  for (let offset = 0; characters.length > 0; ) {
    const piece = characters.splice(0, 3).join('');
    const nextOffset = offset + Buffer.byteLength(piece);
    found.set(offset, { offset, text: piece, ...(characters.length > 0 ? { nextOffset } : {}) });
    offset = nextOffset;
  }
  return found;
}

describe('the body of an event', () => {
  it('is put together from its pages', async () => {
    const asked: number[] = [];
    const found = await fetchBody(async (offset) => {
      asked.push(offset);
      return { ...size, ...pages().get(offset)! };
    });
    expect(found).toEqual(message);
    expect(asked).toEqual([...pages().keys()]);
  });

  it('that is not what its digest says is none', async () => {
    const other = { ...size, offset: 0, text: text.replace('漢', '字') };
    expect(await failure(fetchBody(async () => other))).toMatchObject({ code: 'protocol_violation' });
    const short = { ...size, offset: 0, text: text.slice(0, -1) };
    expect(await failure(fetchBody(async () => short))).toMatchObject({ code: 'protocol_violation' });
  });

  it('is not asked for for ever when its pages lead nowhere', async () => {
    const circle = { ...size, offset: 0, text: 'x', nextOffset: 1 };
    expect(await failure(fetchBody(async () => circle))).toMatchObject({ code: 'protocol_violation' });
  });

  it('is asked for again after a lost connection, from the page that did not come', async () => {
    const { client, connection, gateway } = await connectPair();
    const { jobId } = scriptJob();
    const fetching = client.eventBody(jobId, 5);
    const [first, second] = [...pages().values()];
    connection.reply(await connection.expect('eventBody'), { ...size, ...first });
    await connection.expect('eventBody');
    connection.cut();
    const next = await gateway.accept();
    const again = await next.expect('eventBody');
    expect(again.params).toEqual({ jobId, seq: 5, offset: second?.offset });
    const rest = text.slice(first?.text.length);
    next.reply(again, { ...size, offset: second?.offset, text: rest });
    expect(await fetching).toEqual(message);
  });
});
