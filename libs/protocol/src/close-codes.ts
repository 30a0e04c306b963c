/**
 * Close codes. The range says what to do (the idea is Centrifugo's): 4000–4499 reconnect and resume,
 * 4500–4999 do not come back. Reasons are the names below, far under WebSocket's limit of 123 bytes.
 */
export const closeCodes = {
  going_away: { code: 4000, description: 'The gateway drains; a `goaway` came first.' },
  slow_consumer: {
    code: 4001,
    description: 'You read nothing for three heartbeats: resume from the last seq you saw.',
  },
  heartbeat_missed: { code: 4002, description: 'You did not answer the pings of three heartbeats.' },
  internal: { code: 4003, description: 'A fault of the gateway.' },
  too_much_held: {
    code: 4004,
    description: 'The gateway held too much for you, unfinished or unread: resume from the last seq you saw.',
  },
  login_expired: {
    code: 4005,
    description:
      'The token, or the secret, with which you came has expired: come back with a new one, and resume.',
  },
  protocol_violation: { code: 4500, description: 'Too many malformed frames.' },
  login_revoked: { code: 4501, description: 'The key with which you came was revoked.' },
} as const;

export type CloseReason = keyof typeof closeCodes;

/**
 * Whether a client may come back after this close code. Codes below 4000 belong to WebSocket itself: a broken
 * connection may be resumed, but 1002, 1003, 1007, 1009 and 1010 say that we would do the same wrong again.
 */
export function mayReconnect(code: number): boolean {
  if (code >= 4000) return code < 4500;
  return ![1002, 1003, 1007, 1009, 1010].includes(code);
}
