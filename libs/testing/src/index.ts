/** What tests share: stand-ins for the world around the product, and programs to run against it. */

export { bareFrame, FINAL_TEXT, openBareSocket } from './bare-socket.ts';
export { onBusyMachine } from './busy-machine.ts';
export { checkHistory, describeViolations } from './checker.ts';
export type { Invariant, Violation } from './checks/violation.ts';
export {
  type RecordClaudeOptions,
  recordClaude,
  recordedEndings,
} from './claude-recorder.ts';
export { findClaudeTypes } from './claude-types.ts';

export { type Crowd, type CrowdPlan, startCrowd } from './crowd.ts';
export {
  type FaultProxy,
  type HowToCut,
  type ProxyFaults,
  startFaultProxy,
} from './fault-proxy.ts';
export { freePort } from './free-port.ts';
export {
  type Attached,
  formatHistory,
  type History,
  type Leftovers,
  parseHistory,
  type StoredJob,
  type UpstreamCallRecord,
  type UpstreamEnding,
} from './history.ts';
export { type AttachmentRecorder, createHistoryRecorder, type HistoryRecorder } from './history-recorder.ts';
export { killWithParent } from './kill-with-parent.ts';
export { writeManyJobs } from './many-jobs.ts';
export { createMemoryJobLog } from './memory-job-log.ts';
export { createMemoryUsageBlock } from './memory-usage-block.ts';
export { quickStart, quickStarts } from './quick-start.ts';
export { chooseClaude, type RealClaude } from './real-claude.ts';
export {
  type CallEnd,
  type Plan,
  planPrompt,
  planText,
  type RecordingUpstream,
  startRecordingUpstream,
} from './recording-upstream.ts';
export { lacks, needs, type RedisAbility } from './redis-abilities.ts';
export { commandContains, type ReplyDrop } from './reply-drop.ts';
export {
  recordingScript,
  type ScriptedUpstream,
  scriptBody,
  startScriptedUpstream,
  type UpstreamCall,
  type UpstreamScript,
  type UpstreamStep,
} from './scripted-upstream.ts';
export { type LogLine, type ServiceProcess, startService } from './service-process.ts';
export { type Stack, type StackOptions, startStack } from './stack.ts';
export { claudeEnvironment, SHORT_LIVED } from './stand-in-model/claude-environment.ts';

export { type ModelScript, type StandInModel, startStandInModel } from './stand-in-model/server.ts';
export { readRawLog, textsOf } from './stored-log.ts';
export {
  chooseTestRedis,
  startTestRedis,
  type TestRedis,
  type TestRedisOptions,
  uniquePrefix,
} from './test-redis.ts';
export { startTestSentinels, type TestSentinels } from './test-sentinels.ts';
export { createRedisWholeLog, noLine, type WholeLog } from './whole-log.ts';
export { connectWire, type Message, type WireClient } from './wire-client.ts';
