/** Signals between gateways and workers. Those about a job only hasten what its record says. */
export { hearWishes } from './control.ts';
export { controlChannel, workerChannels } from './keys.ts';
export {
  answerTranscriptRequests,
  createTranscriptRequests,
  type TranscriptAnswer,
  type TranscriptRequests,
} from './transcripts.ts';
