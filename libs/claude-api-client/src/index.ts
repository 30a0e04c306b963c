/** One HTTP call to claude-api as an async iterable of events, with every way it can end. */
export {
  type ClaudeApiClient,
  type ClaudeApiClientOptions,
  createClaudeApiClient,
  type ExecuteOptions,
} from './client.ts';

export { type FilesAnswer, FilesError, type FilesRequest } from './files.ts';

export type { SurveyedAddress, UpstreamSurvey } from './survey.ts';

export {
  type PauseAnswer,
  refusalCodes,
  type UpstreamCall,
  type UpstreamEvent,
  type UpstreamFailure,
  type UpstreamFailureCode,
  type UpstreamOutcome,
  type UpstreamRequest,
} from './upstream-events.ts';
