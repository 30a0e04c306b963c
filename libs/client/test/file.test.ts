import { describe, expect, it } from 'vitest';
import { fetchFile } from '../src/file.ts';
import { failure } from './harness.ts';

const content = Buffer.from('é漢🙂\0\xff and more', 'utf8');
const size = { bytes: content.length, etag: 'a-b-c' };

/** A gateway that gives pages of five bytes. */
function pageAt(offset: number) {
  const end = Math.min(offset + 5, content.length);
  const base64 = content.subarray(offset, end).toString('base64');
  return { ...size, offset, base64, ...(end < content.length && { nextOffset: end }) };
}

describe('a file', () => {
  it('is put together from its pages, all of one content', async () => {
    const asked: object[] = [];
    const whole = await fetchFile(async (at) => {
      asked.push(at);
      return pageAt(at.offset);
    });
    expect(Buffer.from(whole)).toEqual(content);
    expect(asked.slice(0, 2)).toEqual([{ offset: 0 }, { offset: 5, etag: 'a-b-c' }]);
  });

  it('may be empty', async () => {
    expect(await fetchFile(async () => ({ bytes: 0, etag: 'x', offset: 0, base64: '' }))).toHaveLength(0);
  });

  it('whose pages lead nowhere, or are not all there, is none', async () => {
    const circle = { ...pageAt(0), nextOffset: 1 };
    expect(await failure(fetchFile(async () => circle))).toMatchObject({ code: 'protocol_violation' });
    const { nextOffset: _, ...short } = pageAt(0);
    expect(await failure(fetchFile(async () => short))).toMatchObject({ code: 'protocol_violation' });
  });
});
