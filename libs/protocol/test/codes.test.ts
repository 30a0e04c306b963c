import { describe, expect, it } from 'vitest';
import {
  closeCodes,
  createConnectionId,
  createEpoch,
  createJobId,
  eventSchemas,
  isTerminal,
  isTerminalEvent,
  type JobEvent,
  jobIdSchema,
  jobSchema,
  jobStatuses,
  jsonSchemas,
  mayReconnect,
  messageSchemas,
  protocolErrors,
  terminalStatuses,
} from '../src/index.ts';

describe('close codes', () => {
  it.each([1000, 1001, 1005, 1006, 1011, 1012, 1013, 1014, 3000, 4000, 4001, 4002, 4003, 4499])(
    '%i allows coming back',
    (code) => expect(mayReconnect(code)).toBe(true),
  );

  it.each([1002, 1003, 1007, 1009, 1010, 4500, 4501, 4999])('%i forbids coming back', (code) =>
    expect(mayReconnect(code)).toBe(false),
  );

  it('have numbers of their own in the private range, and reasons that fit a close frame', () => {
    const numbers = Object.values(closeCodes).map(({ code }) => code);
    expect(new Set(numbers).size).toBe(numbers.length);
    for (const number of numbers) expect(number >= 4000 && number <= 4999).toBe(true);
    for (const reason of Object.keys(closeCodes)) expect(Buffer.byteLength(reason)).toBeLessThan(124);
  });
});

describe('protocol errors', () => {
  it('have numbers of their own', () => {
    const numbers = Object.values(protocolErrors).map(({ rpcCode }) => rpcCode);
    expect(new Set(numbers).size).toBe(numbers.length);
  });
});

describe('ids', () => {
  it('are long enough, different each time, and taken by their schema', () => {
    const ids = Array.from({ length: 1_000 }, createJobId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(jobIdSchema.parse(id)).toBe(id);
    expect(createEpoch()).toMatch(/^[0-9a-f]{16}$/);
    expect(createConnectionId()).toMatch(/^conn_[0-9a-f]{16}$/);
  });
});

describe('what ends a job', () => {
  it('is the same list for statuses and for events', () => {
    expect(jobStatuses.filter(isTerminal)).toEqual([...terminalStatuses]);
    const terminalTypes = Object.keys(eventSchemas).filter((type) => isTerminalEvent({ type } as JobEvent));
    expect(terminalTypes).toEqual([...terminalStatuses]);
    expect(jobSchema.shape.status.options).toEqual([...jobStatuses]);
  });
});

describe('JSON Schema', () => {
  it('can be made of every message', () => {
    const files = jsonSchemas();
    expect(Object.keys(files).sort()).toEqual(
      Object.keys(messageSchemas())
        .map((name) => `${name}.json`)
        .sort(),
    );
    for (const schema of Object.values(files)) expect(schema).toHaveProperty('$schema');
  });
});
