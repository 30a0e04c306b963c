/** What tests share: stand-ins for the world around the product, and programs to run against it. */

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
export { startTestRedis, type TestRedis, type TestRedisOptions, uniquePrefix } from './test-redis.ts';
export { connectWire, type Message, type WireClient } from './wire-client.ts';
