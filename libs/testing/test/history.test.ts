import { describe, expect, it } from 'vitest';
import { createHistoryRecorder, formatHistory, parseHistory } from '../src/index.ts';

const jobId = `job_${'a'.repeat(32)}`;

/** A clock that moves on by one with every look. */
function createClock(): () => number {
  let time = 0;
  return () => {
    time += 1;
    return time;
  };
}

describe('a history recorder', () => {
  it('keeps what it is told, with times, and takes a copy at the end', () => {
    const recorder = createHistoryRecorder(createClock());
    recorder.acknowledged({ jobId, epoch: 'e', created: true, gateway: 'g1', retry: 'safe' });
    const attachment = recorder.attached({ jobId, client: 'c', gateway: 'g1', afterSeq: 0 });
    const end = recorder.fault('redis killed', { losesData: 'tail' });
    attachment.event('{"seq":1}');
    attachment.end('disconnected', '1006');
    attachment.end('terminal');
    end();
    end();
    recorder.cancelAnswered({ jobId, gateway: 'g2', status: 'running', accepted: true });
    const history = recorder.finish({ calls: [], stored: [{ jobId, log: ['{"seq":1}'] }] });
    attachment.event('{"seq":2}');
    expect(recorder.jobIds()).toEqual([jobId]);
    expect(history).toEqual({
      acknowledged: [{ jobId, epoch: 'e', created: true, gateway: 'g1', retry: 'safe', at: 1 }],
      attachments: [
        {
          ...{ jobId, client: 'c', gateway: 'g1', afterSeq: 0, openedAt: 2, events: ['{"seq":1}'] },
          ...{ arrivedAt: [4], end: { at: 5, how: 'disconnected', detail: '1006' } },
        },
      ],
      cancels: [{ jobId, gateway: 'g2', status: 'running', accepted: true, at: expect.any(Number) }],
      calls: [],
      stored: [{ jobId, log: ['{"seq":1}'] }],
      faults: [{ name: 'redis killed', startedAt: 3, endedAt: expect.any(Number), losesData: 'tail' }],
      leftovers: {},
      takenAt: expect.any(Number),
    });
    expect(parseHistory(formatHistory(history))).toEqual(history);
  });

  it('refuses to finish while a fault is under way', () => {
    const recorder = createHistoryRecorder();
    recorder.fault('worker stopped');
    expect(() => recorder.finish({ calls: [], stored: [] })).toThrow('not over: worker stopped');
  });
});

describe('a saved history', () => {
  it('is refused when it is cut off or holds what nobody knows', () => {
    const text = formatHistory(createHistoryRecorder().finish({ calls: [], stored: [] }));
    expect(() => parseHistory('')).toThrow('its end is missing');
    expect(() => parseHistory(`{"kind":"rumour","fact":{}}\n${text}`)).toThrow(
      'line 1 of the history is of an unknown kind: rumour',
    );
  });
});
