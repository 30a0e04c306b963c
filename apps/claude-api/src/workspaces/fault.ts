/** Why nothing is done with a file: what a request for one is refused with. */
import type { HttpRefusal } from '../routes/refusal.ts';

const STATUS = {
  workspaces_off: 403,
  workspace_not_found: 404,
  file_not_found: 404,
  path_invalid: 400,
  file_refused: 403,
  file_changed: 412,
  file_too_large: 413,
  digest_mismatch: 400,
  diff_unavailable: 409,
  files_busy: 429,
} as const;

export type FileFaultCode = keyof typeof STATUS;

const RETRY_AFTER_SECONDS = 1;

export class FileFault extends Error {
  readonly code: FileFaultCode;

  constructor(code: FileFaultCode, message: string) {
    super(message);
    this.name = 'FileFault';
    this.code = code;
  }
}

/** As it is answered. */
export function refusalOf({ code, message }: FileFault): HttpRefusal {
  const passes = code === 'files_busy' ? { retryAfterSeconds: RETRY_AFTER_SECONDS } : {};
  return { statusCode: STATUS[code], code, message, ...passes };
}

/** What the system's error for a path means; any other error as it is. */
export function asFileFault(error: unknown, path: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'ENOENT':
      return new FileFault('file_not_found', `There is no ${path}`);
    case 'ENOTDIR':
    case 'ELOOP':
      return new FileFault('file_refused', `The way to ${path} leads through a link, or what is no folder`);
    case 'EACCES':
    case 'EPERM':
      return new FileFault('file_refused', `${path} may not be opened: its permissions forbid it`);
    case 'ENAMETOOLONG':
      return new FileFault('path_invalid', 'A name in the path is too long');
    case 'EISDIR':
    case 'ENOTEMPTY':
      return new FileFault('file_refused', `${path} is a folder`);
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return new FileFault('file_too_large', 'There is no room for it on the disk of the workspaces');
    default:
      return error;
  }
}
