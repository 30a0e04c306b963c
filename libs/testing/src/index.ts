/** What tests share: stand-ins for the world around the product, and programs to run against it. */

export { checkHistory, describeViolations } from './checker.ts';
export type { Bounds, CheckOptions, Invariant, Violation } from './checks/violation.ts';
export {
  type ClaudeRecording,
  type RecordClaudeOptions,
  type RecordedEnding,
  recordClaude,
  recordedEndings,
} from './claude-recorder.ts';
export type { LaneFaults } from './fault-lane.ts';
export {
  type FaultProxy,
  type FaultProxyOptions,
  type HowToCut,
  type ProxyCounters,
  type ProxyFaults,
  startFaultProxy,
} from './fault-proxy.ts';
export {
  type Acknowledged,
  type Attached,
  type AttachmentEnding,
  type CancelAnswered,
  type Fault,
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
export { createMemoryJobLog } from './memory-job-log.ts';
export {
  type CallEnd,
  type Plan,
  planPrompt,
  planText,
  type RecordingUpstream,
  startRecordingUpstream,
} from './recording-upstream.ts';
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
export { type LogLine, type ServiceOptions, type ServiceProcess, startService } from './service-process.ts';
export { type Stack, type StackOptions, startStack } from './stack.ts';
export { claudeEnvironment } from './stand-in-model/claude-environment.ts';
export type { ModelBehaviour } from './stand-in-model/directives.ts';
export type { ModelRequest } from './stand-in-model/model-request.ts';
export { type ModelCall, type StandInModel, startStandInModel } from './stand-in-model/server.ts';
export {
  chooseTestRedis,
  startTestRedis,
  type TestRedis,
  type TestRedisOptions,
  uniquePrefix,
} from './test-redis.ts';
export { connectWire, type Message, type WireClient } from './wire-client.ts';
