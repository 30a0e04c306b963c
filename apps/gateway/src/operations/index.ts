/** Every request method and its operation: a method of the protocol that has none does not compile here. */
import type { Grants } from '@cc-executor/claude-options';
import type { ServicesAnswer } from '@cc-executor/fleet';
import type {
  AcceptLog,
  JobBatches,
  JobCounts,
  Ledger,
  ReadLog,
  Vault,
  WebhookLog,
  WishLog,
} from '@cc-executor/job-log';
import type { Producer } from '@cc-executor/queue';
import type { Replication } from '@cc-executor/redis';
import type { Logger } from '@cc-executor/runtime';
import type { TargetRules } from '@cc-executor/runtime/targets';
import type { TranscriptRequests } from '@cc-executor/signals';
import type { ListenerNotes } from '../listening/listener-notes.ts';
import type { GatewayMetrics } from '../metrics.ts';
import type { Crowd } from '../quotas/crowd.ts';
import type { HoldersOf } from '../quotas/holders.ts';
import { type AcceptConnection, createAccept } from './accept.ts';
import { attach } from './attach.ts';
import { createBatchResults } from './batch-results.ts';
import { createCancel } from './cancel.ts';
import { createCancelBatch } from './cancel-batch.ts';
import { createCancelMany } from './cancel-many.ts';
import type { Ceilings } from './ceilings.ts';
import { createCount } from './count.ts';
import { detach } from './detach.ts';
import { createEventBody } from './event-body.ts';
import { createExecute } from './execute.ts';
import type { Files } from './files.ts';
import { createGet } from './get.ts';
import { createGetBatch } from './get-batch.ts';
import { createList } from './list.ts';
import { createListFiles } from './list-files.ts';
import { createListen } from './listen.ts';
import { createMe } from './me.ts';
import type { Operations } from './operation.ts';
import { createOverview } from './overview.ts';
import { createPause } from './pause.ts';
import { createReadFile } from './read-file.ts';
import { createRedeliver } from './redeliver.ts';
import { createRerun } from './rerun.ts';
import { createResume } from './resume.ts';
import { createVerify } from './verify.ts';

export type OperationParts = {
  acceptLog: AcceptLog;
  replication: Replication | undefined;
  connection: AcceptConnection;
  readLog: ReadLog;
  wishLog: WishLog;
  jobBatches: JobBatches;
  jobCounts: JobCounts;
  listenerNotes: Pick<ListenerNotes, 'settle'>;
  services: () => Promise<ServicesAnswer>;
  producer: Producer;
  ceilings: Ceilings;
  holdersOf: HoldersOf;
  ledger: Ledger;
  crowd: Crowd;
  grants: Grants;
  vault: Vault | undefined;
  files: Files;
  webhookLog: WebhookLog;
  /** Undefined: there is no secret to sign webhooks with. */
  webhookTargets: TargetRules | undefined;
  /** Whether jobs have titles, which lists show. */
  showTitles: boolean;
  transcripts: TranscriptRequests;
  metrics: Pick<GatewayMetrics, 'jobsAccepted'>;
  logger: Logger;
  /** How long `verify` waits for a worker's answer, in ms. */
  transcriptAnswerMs?: number;
};

export function createOperations(parts: OperationParts): Operations {
  const accept = createAccept(parts);
  const listen = createListen(parts);
  return {
    execute: createExecute({ accept, listen }),
    rerun: createRerun({ ...parts, accept, listen }),
    attach,
    detach,
    cancel: createCancel(parts),
    cancelMany: createCancelMany(parts),
    pause: createPause(parts),
    resume: createResume(parts),
    get: createGet(parts),
    list: createList(parts),
    count: createCount(parts),
    me: createMe(parts),
    overview: createOverview(parts),
    listFiles: createListFiles(parts),
    readFile: createReadFile(parts),
    eventBody: createEventBody(parts),
    verify: createVerify(parts),
    redeliver: createRedeliver(parts),
    getBatch: createGetBatch(parts),
    batchResults: createBatchResults(parts),
    cancelBatch: createCancelBatch(parts),
  };
}
