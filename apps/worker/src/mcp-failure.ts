/** What becomes of a run of which an MCP server could not be reached: the job says whether it goes on without. Pure. */
import type { UpstreamEvent, UpstreamFailure } from '@cc-executor/claude-api-client';
import type { JobSpec } from '@cc-executor/job-log';

const FAILED = new Set(['failed', 'needs-auth']);

/** The failure that the job is to end with before the model is asked, if it is. */
export function mcpFailureOf(
  event: UpstreamEvent,
  { onMcpFailure = 'report' }: Pick<JobSpec, 'onMcpFailure'>,
): UpstreamFailure | undefined {
  if (onMcpFailure === 'report' || event.type !== 'session') return undefined;
  const failed = (event.mcpServers ?? []).filter(({ status }) => FAILED.has(status));
  if (failed.length === 0) return undefined;
  const named = failed.map(({ name, status }) => `${name} (${status})`).join(', ');
  const message = `MCP servers could not be reached: ${named}`;
  return { status: 'failed', code: 'claude_mcp_failed', message, sent: true, began: false };
}
