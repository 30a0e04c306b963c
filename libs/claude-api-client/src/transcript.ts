/**
 * Asks claude-api for Claude's own transcript of an execution: `GET /executions/{id}/transcript`. Behind one name there
 * may be several, and only the one that ran it knows it: every address is asked, and the best answer counts.
 */
import { isIP } from 'node:net';
import { openQuestions, type QuestionOptions } from './question.ts';

const ANSWER_TIMEOUT_MS = 8_000;

export type TranscriptFinding = { bytes: number; sha256: string } | { reason: string; message: string };

/** The more a reason says of this execution, the earlier it stands. */
const RANK = ['transcript_missing', 'under_way', 'not_kept', 'demo_engine', 'upstream_unreachable'];

/** Never throws: what goes wrong is a reason. */
export async function askTranscript(
  options: QuestionOptions & { executionId: string },
): Promise<TranscriptFinding> {
  const { target, lookup } = options;
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]);
  const hostname = target.hostname.replace(/^\[|\]$/g, '');
  let addresses: string[];
  try {
    addresses = isIP(hostname) ? [hostname] : await lookup(hostname);
  } catch (error) {
    return unreachable(error);
  }
  const findings = await Promise.all(
    addresses.map((address) => askOne(address, { ...options, signal }).catch(unreachable)),
  );
  const found = findings.find((finding) => 'sha256' in finding);
  return (
    found ??
    (findings as NoTranscript[]).sort((a, b) => rankOf(a) - rankOf(b))[0] ??
    unreachable('no address')
  );
}

type NoTranscript = Extract<TranscriptFinding, { reason: string }>;

async function askOne(
  address: string,
  options: Omit<QuestionOptions, 'lookup'> & { executionId: string },
): Promise<TranscriptFinding> {
  const { target, signal } = options;
  const client = openQuestions({ ...options, lookup: async () => [address] });
  try {
    const path = `${target.pathname.replace(/\/$/, '')}/executions/${encodeURIComponent(options.executionId)}/transcript`;
    const { statusCode, body } = await client.request({ method: 'GET', path, signal });
    return readFinding(statusCode, parse(await body.text()));
  } finally {
    await client.destroy();
  }
}

function readFinding(status: number, body: Record<string, unknown>): TranscriptFinding {
  const { bytes, sha256 } = body;
  if (status === 200 && typeof bytes === 'number' && typeof sha256 === 'string') return { bytes, sha256 };
  const { reason, message } = (body.error ?? {}) as Record<string, unknown>;
  if (typeof reason === 'string' && typeof message === 'string') return { reason, message };
  // A service that knows no transcripts, or a proxy's page.
  return { reason: 'not_kept', message: `claude-api answered ${status} when it was asked for a transcript` };
}

function unreachable(error: unknown): NoTranscript {
  const detail = error instanceof Error ? error.message : String(error);
  return {
    reason: 'upstream_unreachable',
    message: `claude-api could not be asked for its transcript: ${detail}`,
  };
}

function rankOf({ reason }: NoTranscript): number {
  const rank = RANK.indexOf(reason);
  return rank === -1 ? RANK.length : rank;
}

function parse(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    // Not ours; its status is told.
    return {};
  }
}
