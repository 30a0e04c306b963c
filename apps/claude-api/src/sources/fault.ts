/** Why a job cannot begin from what it names: how it then ends as failed. */
import { FileFault } from '../workspaces/fault.ts';

export type SourceFaultCode =
  | 'source_unavailable'
  | 'source_unreachable'
  | 'source_invalid'
  | 'source_too_large'
  | 'source_occupied';

export class SourceFault extends Error {
  readonly code: SourceFaultCode;

  constructor(code: SourceFaultCode, message: string) {
    super(message);
    this.name = 'SourceFault';
    this.code = code;
  }
}

/** What cannot be put into a folder, told of what is to be put there; any other error as it is. */
export function asSourceFault(error: unknown): unknown {
  if (!(error instanceof FileFault)) return error;
  const code = error.code === 'file_too_large' ? 'source_too_large' : 'source_invalid';
  return new SourceFault(code, error.message);
}
