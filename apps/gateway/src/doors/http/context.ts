/** What everything in the HTTP door is given. */
import type { Logger } from '@cc-executor/runtime';
import type { Tickets } from '../../identity/tickets.ts';
import type { Heartbeats } from '../../listening/heartbeats.ts';
import type { GatewayMetrics } from '../../metrics.ts';
import type { Files } from '../../operations/files.ts';
import type { Requests } from '../../operations/requests.ts';
import type { OpenSessionAs } from '../../operations/session.ts';
import type { SubmitBatch } from '../../operations/submit-batch.ts';
import type { WebhookSecrets } from '../../operations/webhook-secrets.ts';
import type { MemoryBudget } from '../memory-budget.ts';
import type { Rounds } from '../rounds.ts';
import type { Turns } from '../turns.ts';

export type HttpContext = {
  openSessionAs: OpenSessionAs;
  tickets: Pick<Tickets, 'issue'>;
  webhookSecrets: Pick<WebhookSecrets, 'shown' | 'redraw'>;
  requests: Requests;
  submitBatch: SubmitBatch;
  files: Files;
  heartbeats: Heartbeats;
  memory: MemoryBudget;
  turns: Turns;
  rounds: Rounds;
  metrics: Pick<GatewayMetrics, 'connections' | 'connectionsOpened' | 'connectionsClosed'>;
  logger: Logger;
  /** Whether no stream is begun any more. */
  isClosing(): boolean;
};
