import { optionNames } from '@cc-executor/claude-options';
import { describe, expect, it } from 'vitest';
import {
  clientErrors,
  closeCodes,
  eventSchemas,
  executeParamsSchema,
  failureCodes,
  methods,
  notificationSchemas,
  notVerifiableReasons,
  protocolErrors,
} from '../src/index.ts';
import { code, readTable } from './markdown-table.ts';

const errorRows = Object.entries(protocolErrors).map(([name, entry]) => [
  `\`${name}\``,
  String(entry.rpcCode),
  String(entry.httpStatus),
  entry.retryable ? 'yes' : 'no',
  entry.description,
]);
const closeRows = Object.entries(closeCodes).map(([reason, entry]) => [
  String(entry.code),
  `\`${reason}\``,
  entry.description,
]);
const rowsOf = (table: Record<string, string>) =>
  Object.entries(table).map(([name, description]) => [`\`${name}\``, description]);
const firstCells = (rows: string[][]) => rows.map(([first]) => code(first));

/** All but the last cell, which says what to do; it may not be empty. */
function withAdvice(rows: string[][]): string[][] {
  for (const row of rows) expect(row.at(-1), `advice for ${row[0]}`).not.toBe('');
  return rows.map((row) => row.slice(0, -1));
}

describe('PROTOCOL.md says what the code does', () => {
  it('about errors: code, number, retryable and meaning', () => {
    expect(readTable('PROTOCOL.md', 'Errors')).toEqual(errorRows);
  });

  it('about close codes', () => {
    expect(readTable('PROTOCOL.md', 'Close codes')).toEqual(closeRows);
  });

  it('about methods', () => {
    expect(firstCells(readTable('PROTOCOL.md', 'Requests (client → gateway)'))).toEqual(Object.keys(methods));
  });

  it('about the parameters of execute', () => {
    const documented = firstCells(readTable('PROTOCOL.md', '`execute`'));
    // Their table is generated.
    expect([...documented, ...optionNames].sort()).toEqual(Object.keys(executeParamsSchema.shape).sort());
  });

  it('about parameters and results: every member that is named exists', () => {
    for (const [method, params, result] of readTable('PROTOCOL.md', 'Requests (client → gateway)')) {
      const { params: paramsSchema, result: resultSchema } = methods[code(method) as keyof typeof methods];
      const namedParams = [...(params ?? '').matchAll(/`(\w+)\??`/g)].map(([, name]) => name);
      for (const name of namedParams) expect(Object.keys(paramsSchema.shape)).toContain(name);
      const list = /`\{([^}]*)\}`/.exec(result ?? '')?.[1];
      if (list === undefined) continue;
      const members = list === '' ? [] : list.split(', ').map((name) => name.replace('?', ''));
      expect(members).toEqual(Object.keys(resultSchema.shape));
    }
  });

  it('about why a job cannot be verified', () => {
    expect(readTable('PROTOCOL.md', '`verify`')).toEqual(rowsOf(notVerifiableReasons));
  });

  it('about notifications', () => {
    const rows = readTable('PROTOCOL.md', 'Notifications (gateway → client)');
    expect(firstCells(rows)).toEqual(Object.keys(notificationSchemas));
  });

  it('about event types, their members, and which end a job', () => {
    const rows = readTable('PROTOCOL.md', 'Events');
    expect(firstCells(rows)).toEqual(Object.keys(eventSchemas));
    const shapes = Object.values(eventSchemas).map(({ shape }) => Object.keys(shape));
    const head = shapes.reduce((common, names) => common.filter((name) => names.includes(name)));
    const summary = readTable('PROTOCOL.md', 'The summary').flatMap(([members = '']) =>
      [...members.matchAll(/`(\w+)`/g)].map(([, name]) => name),
    );
    for (const [type, members = '', meaning = ''] of rows) {
      const schema = eventSchemas[code(type) as keyof typeof eventSchemas];
      const named = [...members.matchAll(/`(\w+)\??[:`]/g)].map(([, name]) => name);
      const expected = Object.keys(schema.shape).filter((name) => !head.includes(name));
      expect([...named, ...(members.includes('summary') ? summary : [])].sort()).toEqual(expected.sort());
      expect(meaning.includes('**terminal**')).toBe('usage' in schema.shape);
    }
  });
});

describe('docs/errors.md says what the code does', () => {
  it('about answers to requests', () => {
    expect(withAdvice(readTable('docs/errors.md', 'Answers to requests'))).toEqual(errorRows);
  });

  it('about failed jobs', () => {
    expect(withAdvice(readTable('docs/errors.md', 'Failed jobs'))).toEqual(rowsOf(failureCodes));
  });

  it('about errors of the SDK', () => {
    expect(withAdvice(readTable('docs/errors.md', 'Errors of the SDK'))).toEqual(rowsOf(clientErrors));
  });

  it('about close codes', () => {
    expect(withAdvice(readTable('docs/errors.md', 'Close codes'))).toEqual(closeRows);
  });
});
