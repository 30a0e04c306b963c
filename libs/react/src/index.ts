/** React hooks for jobs and conversations that outlive the page. */
export { ClientProvider, useClientState } from './client-context.ts';
export type { ConversationState, Turn } from './conversation-store.ts';
export type { ToolRun } from './job-fold.ts';
export type { JobState } from './job-store.ts';
export { type ConversationControls, type ConversationOptions, useConversation } from './use-conversation.ts';
export { type JobControls, type JobOptions, useJob } from './use-job.ts';
