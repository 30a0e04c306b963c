/** Where a conversation of the playground is found again: by the page's address, and in this tab by what was typed. */
import type { Client } from '@cc-executor/client';
import type { Asked } from './turn.tsx';

/** Of a conversation that many are shown, the newest. */
const MAX_TURNS = 20;

export function addressOf(jobId: string, conversation: string | undefined): string {
  return `/playground/${jobId}${conversation ? `?conversation=${conversation}` : ''}`;
}

/** The jobs of a conversation in their order, or the one. Errors: the gateway's. */
export async function findTurns(
  client: Client,
  { jobId, conversation }: { jobId: string; conversation: string | undefined },
): Promise<Asked[]> {
  const { jobs } = conversation ? await client.list({ conversation, limit: MAX_TURNS }) : { jobs: [] };
  const found = jobs.some((job) => job.jobId === jobId) ? jobs : [await client.get(jobId), ...jobs];
  return found
    .toSorted((a, b) => a.createdAt - b.createdAt)
    .map(({ jobId, title = '' }) => ({ jobId, prompt: keptPrompt(jobId) ?? title }));
}

/** Gateways tell the beginning only. */
export function keepPrompt(jobId: string, prompt: string): void {
  try {
    sessionStorage.setItem(jobId, prompt);
  } catch {
    // It is full, or forbidden: the beginning is what there is then.
  }
}

function keptPrompt(jobId: string): string | undefined {
  try {
    return sessionStorage.getItem(jobId) ?? undefined;
  } catch {
    return undefined;
  }
}
