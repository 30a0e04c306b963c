/** One line of the doctor's: what was looked at, how it is, and what to do about it. */

export type Level = 'ok' | 'warn' | 'fail' | 'skip';

export type Finding = {
  level: Level;
  /** A pair that must talk (`worker-1 → claude-api`), or one thing. */
  subject: string;
  message: string;
  latencyMs?: number;
  /** What to try. */
  advice?: string;
};

export function ok(subject: string, message: string, latencyMs?: number): Finding {
  return { level: 'ok', subject, message, ...(latencyMs === undefined ? {} : { latencyMs }) };
}

export function warn(subject: string, message: string, advice: string): Finding {
  return { level: 'warn', subject, message, advice };
}

export function fail(subject: string, message: string, advice: string): Finding {
  return { level: 'fail', subject, message, advice };
}

export function skip(subject: string, message: string): Finding {
  return { level: 'skip', subject, message };
}
