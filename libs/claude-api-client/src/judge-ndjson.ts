/**
 * Decides how an NDJSON response ended. Pure. Only positive evidence makes a success: a complete line that says so
 * and no result line that says otherwise, or a result line that nothing followed. How the connection ended decides
 * only what to say when there is no evidence.
 */
import type { ClaudeFailureCode, Complete, Verdict } from '@cc-executor/claude-stream';
import { type Digest, type FailureCode, failureCodes, type RunSummary } from '@cc-executor/protocol';
import type { BodyEnd } from './response-body.ts';
import type { UpstreamFailure, UpstreamOutcome } from './upstream-events.ts';

export type Findings = {
  complete: Complete | undefined;
  /** Of the last result line. */
  verdict: Verdict | undefined;
  /** No further turn began after the result. */
  resultStands: boolean;
  /** Nothing that Claude Code started ran in the background at the last. */
  isBackgroundOver: boolean;
  /** The model did something, or something was done for it. */
  hasOutput: boolean;
  /** The last text block. */
  text: string | undefined;
  digest: Digest;
  /** Some line was one that we know. */
  understood: boolean;
  noise: { count: number; sample: string };
};

/** A failure that claude-api names as we do. */
type OwnFailureCode = ClaudeFailureCode | Extract<FailureCode, `source_${string}`>;

export function judgeNdjson(findings: Findings, end: BodyEnd, summary: RunSummary): UpstreamOutcome {
  if (findings.complete !== undefined) return judgeComplete(findings.complete, findings, summary);
  if (findings.verdict !== undefined && findings.resultStands && findings.isBackgroundOver) {
    return judgeVerdict(findings.verdict, 'result-line', findings, summary);
  }
  return { ...lacking(findings, end), ...summary };
}

function judgeComplete(complete: Complete, findings: Findings, summary: RunSummary): UpstreamOutcome {
  const { verdict } = findings;
  if (complete.status === 'success') {
    const upstream = sha256Of(complete.digest);
    if (verdict?.ok === false) return judgeVerdict(verdict, 'complete-line', findings, summary);
    if (!findings.isBackgroundOver) {
      const message = 'Claude Code ended while tasks ran in the background, and they with it';
      return fail({ code: 'claude_background', message }, 'complete-line', findings, summary);
    }
    if (upstream === undefined || upstream === findings.digest.sha256) {
      const completed = succeed('complete-line', findings, summary);
      return upstream === undefined ? completed : { ...completed, upstreamDigest: upstream };
    }
    const { bytes } = findings.digest;
    const message = `The ${bytes} bytes of text that arrived are not the ${complete.bytes ?? '?'} that claude-api sent`;
    return failed('digest_mismatch', message, summary);
  }
  if (complete.status === 'cancelled') {
    return failed(
      'upstream_cancelled',
      'claude-api cancelled the execution without being asked to from here',
      summary,
    );
  }
  // Behind a time-out the result only says that Claude Code was interrupted.
  if (complete.status !== 'timeout') {
    const { error: code, message } = complete;
    // claude-api knows why it ended Claude Code, and what to do about it.
    if (isOwnCode(code) && message) {
      const said = verdict?.ok === false && verdict.code === code ? verdict : {};
      return fail({ ...said, code, message }, 'complete-line', findings, summary);
    }
    if (verdict?.ok === false) return fail(verdict, 'complete-line', findings, summary);
  }
  return failed('upstream_error', describeComplete(complete), summary);
}

function judgeVerdict(
  verdict: Verdict,
  evidence: 'complete-line' | 'result-line',
  findings: Findings,
  summary: RunSummary,
): UpstreamOutcome {
  return verdict.ok ? succeed(evidence, findings, summary) : fail(verdict, evidence, findings, summary);
}

/** Claude Code's own failure. */
function fail(
  {
    code,
    message,
    limit,
    resetsAt,
  }: Pick<UpstreamFailure, 'message' | 'limit' | 'resetsAt'> & {
    code: OwnFailureCode;
  },
  evidence: 'complete-line' | 'result-line',
  { hasOutput }: Findings,
  summary: RunSummary,
): UpstreamFailure {
  const began = hasOutput || (summary.costUsd ?? 0) > 0;
  return {
    ...{ status: 'failed', code, message, sent: true, evidence },
    ...(limit !== undefined && { limit }),
    ...(resetsAt !== undefined && { resetsAt }),
    ...(!began && { began }),
    ...summary,
  };
}

function isOwnCode(code: string | undefined): code is OwnFailureCode {
  return /^(?:claude|source)_/.test(code ?? '') && Object.hasOwn(failureCodes, code ?? '');
}

function succeed(
  evidence: 'complete-line' | 'result-line',
  { text, digest }: Findings,
  summary: RunSummary,
): Extract<UpstreamOutcome, { status: 'completed' }> {
  return { status: 'completed', evidence, ...(text !== undefined && { text }), ...summary, digest };
}

function failed(code: UpstreamFailure['code'], message: string, summary: RunSummary): UpstreamFailure {
  return { status: 'failed', code, message, sent: true, evidence: 'complete-line', ...summary };
}

/** Why there is no evidence. */
function lacking({ understood, noise, verdict, resultStands }: Findings, end: BodyEnd): UpstreamFailure {
  const said =
    noise.count === 0
      ? ''
      : `; ${noise.count} lines were not of the protocol, the first: ${JSON.stringify(noise.sample)}`;
  const fail = (code: UpstreamFailure['code'], message: string): UpstreamFailure => {
    return { status: 'failed', code, message: `${message}${said}`, sent: true };
  };
  if (end.kind === 'cut') {
    return fail(
      'upstream_cut',
      `The connection to claude-api broke before the execution had ended (${end.detail})`,
    );
  }
  if (!understood && noise.count > 0) {
    return fail('upstream_garbage', "claude-api's answer holds nothing of the protocol");
  }
  if (verdict !== undefined) {
    const when = resultStands ? 'while tasks ran in the background' : 'in a turn after the last result';
    return fail('upstream_incomplete', `claude-api's answer ended ${when}`);
  }
  if (!understood) return fail('upstream_incomplete', "claude-api's answer was empty");
  return fail(
    'upstream_incomplete',
    "claude-api's answer ended without a result and without a complete line",
  );
}

function describeComplete({ status, exitCode, error, message }: Complete): string {
  const known = ['error', 'timeout'].includes(status);
  const said = known ? `claude-api says ${status}` : `claude-api ended with the unknown status "${status}"`;
  const exit = exitCode === undefined || exitCode === null ? '' : ` (exit code ${exitCode})`;
  const details = [error, message].filter((part) => part !== undefined && part !== '').join(': ');
  return `${said}${exit}${details === '' ? '' : `: ${details}`}`;
}

/** A digest that we can compare; a service may put something else into the member. */
function sha256Of(digest: string | undefined): string | undefined {
  return /^(?:sha256:)?([0-9a-f]{64})$/i.exec(digest ?? '')?.[1]?.toLowerCase();
}
