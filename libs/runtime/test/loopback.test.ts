import { expect, test } from 'vitest';
import { isLoopback, namesLoopback } from '../src/loopback.ts';

test('loopback addresses are told from others', () => {
  expect(['127.0.0.1', '127.9.9.9', 'localhost', '::1'].every(isLoopback)).toBe(true);
  expect(['0.0.0.0', '::', '10.0.0.1', '127.0.0.1.evil.example'].some(isLoopback)).toBe(false);
});

test('a Host header names this machine with or without a port, and nothing else does', () => {
  expect(['127.0.0.1:8004', 'localhost', 'LOCALHOST:1', '[::1]:8004'].every(namesLoopback)).toBe(true);
  const others = [undefined, '', 'evil.example', 'localhost.evil.example:8004', 'evil.example@', '%'];
  expect(others.filter(namesLoopback)).toEqual([]);
});
