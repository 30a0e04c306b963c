/** Error codes of names, connections and logins, in words, told apart by what there is to do about them. */

export type TroubleKind =
  | 'name_unknown'
  | 'refused'
  | 'timed_out'
  | 'unroutable'
  | 'not_ours'
  | 'credentials'
  | 'not_allowed'
  | 'busy'
  | 'other';

const KINDS: Record<string, TroubleKind> = {
  ENOTFOUND: 'name_unknown',
  ENODATA: 'name_unknown',
  EAI_AGAIN: 'name_unknown',
  EAI_NODATA: 'name_unknown',
  ECONNREFUSED: 'refused',
  TIMEOUT: 'timed_out',
  ETIMEDOUT: 'timed_out',
  CONNECT_TIMEOUT: 'timed_out',
  EHOSTUNREACH: 'unroutable',
  ENETUNREACH: 'unroutable',
  NOT_REDIS: 'not_ours',
  NOT_HTTP: 'not_ours',
  NOT_OURS: 'not_ours',
  WRONGPASS: 'credentials',
  NOAUTH: 'credentials',
  NOPERM: 'not_allowed',
  LOADING: 'busy',
  MASTERDOWN: 'busy',
};

const WORDS: Record<TroubleKind, string> = {
  name_unknown: 'the name is not known',
  refused: 'the connection is refused',
  timed_out: 'no answer in time',
  unroutable: 'there is no route to it',
  not_ours: 'something else answers there',
  credentials: 'wrong credentials',
  not_allowed: 'this user may not do what is needed',
  busy: 'it is not ready yet',
  other: 'it does not work',
};

export function kindOfTrouble(code: string | undefined): TroubleKind {
  return KINDS[code ?? ''] ?? 'other';
}

/** `the name is not known (ENOTFOUND)`; an odd trouble is told in its own words. */
export function describeTrouble(code: string | undefined, detail?: string): string {
  const kind = kindOfTrouble(code);
  if (kind === 'other' && detail !== undefined) return detail;
  const more = kind === 'not_allowed' && detail !== undefined ? `: ${detail}` : '';
  return `${WORDS[kind]}${code === undefined ? '' : ` (${code})`}${more}`;
}
