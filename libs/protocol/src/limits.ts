/** Sizes, counts and default durations of the protocol. A gateway announces its own in `connected.limits`. */

/** A WebSocket message from a client may not be larger (bytes): the longest prompt, with every unit escaped, has room. */
export const MAX_FRAME_BYTES = 2 * 1024 * 1024;
/** A frame to a client is not larger (bytes): what every ordinary client takes. */
export const MAX_SENT_FRAME_BYTES = 256 * 1024;
/** An event may not be larger before it has its head: what frames put around one, a `get` its metadata, fits in the rest. */
export const MAX_EVENT_BYTES = MAX_SENT_FRAME_BYTES - 32 * 1024;
/** What `eventBody` gives at once: as a string in JSON it doubles at most, and fits a frame. */
export const MAX_BODY_PAGE_BYTES = 120 * 1024;
/** A frame may not be nested deeper: the request is the first level, its parameters are the second. */
export const MAX_FRAME_DEPTH = 32;
/** A frame may not hold more values, at all levels together. */
export const MAX_FRAME_VALUES = 10_000;
/** A prompt may not be larger (UTF-16 units). */
export const MAX_PROMPT_LENGTH = 200_000;
/** Serialised `metadata` may not be larger (UTF-16 units). */
export const MAX_METADATA_LENGTH = 4_096;
/** The URL of a webhook may not be longer (UTF-16 units). */
export const MAX_WEBHOOK_URL_LENGTH = 2_048;
/** What lists show of a prompt (UTF-16 units), and the longest text that titles are searched for. */
export const MAX_TITLE_LENGTH = 120;
/** A job can be listed by so many members of its metadata, the first whose names and values (UTF-16 units) are no longer. */
export const MAX_LISTED_MEMBERS = 16;
export const MAX_LISTED_NAME_LENGTH = 64;
export const MAX_LISTED_VALUE_LENGTH = 256;
/** One connection may be attached to this many jobs at once. */
export const MAX_ATTACHMENTS = 1_000;
/** `completed.text` is left out above this (UTF-16 units): the output events carry it. */
export const MAX_TERMINAL_TEXT_LENGTH = 65_536;
/** How long an HTTP request may wait for the end of its job, in seconds: less than proxies let a silent answer live. */
export const MAX_WAIT_S = 120;
/** A batch may not have more lines. */
export const MAX_BATCH_LINES = 10_000;
/** Nor more bytes, over all of its lines. */
export const MAX_BATCH_BYTES = 128 * 1024 * 1024;
/** The subprotocol a native client must offer. */
export const SUBPROTOCOL = 'cc-executor.v1';
/** What every ticket begins with: offered beside the subprotocol, it says who opens a WebSocket. */
export const TICKET_PREFIX = 'ticket_';
export const PROTOCOL_VERSION = '1';
export const DEFAULT_HEARTBEAT_MS = 10_000;

/**
 * Limits of one job when the client names none. Claude Code needs up to 60 s to start and is silent for up to
 * 90 s while it works: a shorter stall timer kills healthy jobs.
 */
export const DEFAULT_TIMEOUTS = {
  queueMs: 30 * 60_000,
  firstOutputMs: 3 * 60_000,
  idleMs: 5 * 60_000,
  totalMs: 30 * 60_000,
  pausedMs: 30 * 60_000,
} as const;

/** Priorities are from 0, which goes first, to this. */
export const MAX_PRIORITY = 1_000;

/** How often a job is begun that may always be repeated, unless it says otherwise, and at most. */
export const DEFAULT_MAX_ATTEMPTS = 3;
export const MAX_ATTEMPTS = 10;

/** No limit of a job may be shorter. */
export const MIN_TIMEOUT_MS = 100;
/** No limit of a job may be longer than a day. */
export const MAX_TIMEOUT_MS = 24 * 60 * 60_000;
