// What a component in TypeScript's strictest mode can rely on.
import { ClientProvider, type Turn, useConversation, useJob } from '@cc-executor/react';

export const Provider = ClientProvider;

export function useAnswer(prompt: string): string {
  const job = useJob({ prompt, effort: 'low' }, { keep: 'session' });
  if (job.error) return job.error.message;
  return job.end?.type === 'failed' ? job.end.error.message : job.text;
}

export function useTools(jobId: string): string[] {
  const { tools } = useJob(jobId);
  return tools.map(({ name, ended }) => (ended ? `${name} ${ended.durationMs.toFixed()} ms` : name));
}

export function useChat(): { turns: readonly Turn[]; ask: (prompt: string) => void } {
  const { turns, send } = useConversation(undefined, { keep: 'session', name: 'chat' });
  // @ts-expect-error The conversation is this one.
  const wrong = () => send({ prompt: 'hello', conversation: 'other' });
  return { turns, ask: wrong ?? send };
}
