/** The keys and channels of signals, built in one place. A question's keys share a slot of a Redis Cluster. */

/** Channel of words to workers, 'cancel jobId' or 'pause jobId': the scripts of the job log publish them. */
export function controlChannel(keyPrefix: string): string {
  return `${keyPrefix}:control`;
}

/** What every worker subscribes to. */
export function workerChannels(keyPrefix: string): string[] {
  return [controlChannel(keyPrefix), transcriptKeys(keyPrefix).questions];
}

export type TranscriptKeys = {
  /** Channel: 'requestId executionId tenant', questions for transcripts. */
  questions: string;
  /** String: a worker has taken the question. */
  claim(requestId: string): string;
  /** String: its answer as JSON. */
  answer(requestId: string): string;
};

export function transcriptKeys(keyPrefix: string): TranscriptKeys {
  return {
    questions: `${keyPrefix}:transcripts`,
    claim: (requestId) => `${keyPrefix}:{transcript:${requestId}}:claim`,
    answer: (requestId) => `${keyPrefix}:{transcript:${requestId}}:answer`,
  };
}
