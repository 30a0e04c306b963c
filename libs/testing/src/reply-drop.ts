/**
 * "The server did it, and the client never hears of it": finds the reply to a chosen Redis command on a connection, so
 * that it can be cut off. Commands and replies are matched by their order; an error reply means that nothing was
 * executed (NOSCRIPT before the script is known, OOM, READONLY), so it is passed on and not counted.
 */
import type { LaneItem } from './fault-lane.ts';

export type ReplyDrop = {
  /** Looks at the bytes of one command, as sent: see `commandContains`. */
  matches: (command: Buffer) => boolean;
  /** The first one to lose its reply, among the matching commands that were executed; default 1, the first. */
  nth?: number;
  /** How many lose theirs, one connection each; default 1. */
  times?: number;
};

/** Matches commands that hold all of the texts, whatever their case: a name, a sha, a part of a key. */
export function commandContains(...texts: string[]): ReplyDrop['matches'] {
  const wanted = texts.map((text) => text.toLowerCase());
  return (command) => {
    const said = command.toString('latin1').toLowerCase();
    return wanted.every((text) => said.includes(text));
  };
}

/** A `ReplyDrop` in force, over all connections. */
export type DropRule = { drop: ReplyDrop; executed: number };

export type ReplyTap = {
  /** Bytes from the client, cut into whole commands. */
  commands(bytes: Buffer): LaneItem[];
  /** Bytes from the server, cut into whole replies; with 'cut' in place of a reply that is dropped. */
  replies(bytes: Buffer): LaneItem[];
};

/** Watches one connection from its beginning. `rule` gives what is in force now. */
export function createReplyTap(rule: () => DropRule | undefined, onDropped: () => void): ReplyTap {
  const splitCommands = createSplitter();
  const splitReplies = createSplitter();
  const unanswered: (DropRule | undefined)[] = [];

  function passReply(frame: Buffer): LaneItem {
    if (isPush(frame)) return frame;
    const watched = unanswered.shift();
    if (watched === undefined || watched !== rule() || frame[0] === MINUS) return frame;
    watched.executed += 1;
    const { nth = 1, times = 1 } = watched.drop;
    if (watched.executed < nth || watched.executed >= nth + times) return frame;
    onDropped();
    return 'cut';
  }

  return {
    commands(bytes) {
      const frames = splitCommands(bytes);
      for (const frame of frames) {
        const current = rule();
        unanswered.push(current?.drop.matches(frame) ? current : undefined);
      }
      return frames;
    },
    replies(bytes) {
      const items = splitReplies(bytes).map(passReply);
      const cut = items.indexOf('cut');
      return cut < 0 ? items : items.slice(0, cut + 1);
    },
  };
}

const MINUS = 0x2d;

/** What the server says unasked: RESP3's push type, and a subscriber's messages in RESP2. */
function isPush(frame: Buffer): boolean {
  return frame[0] === 0x3e || frame.subarray(0, 15).toString('latin1') === '*3\r\n$7\r\nmessage';
}

/** Cuts a stream of RESP values, in pieces of any size, into whole values. */
function createSplitter(): (bytes: Buffer) => Buffer[] {
  let rest: Buffer = Buffer.alloc(0);
  return (bytes) => {
    rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    const values: Buffer[] = [];
    let from = 0;
    for (let end = valueEnd(rest, 0); end !== undefined; end = valueEnd(rest, from)) {
      values.push(rest.subarray(from, end));
      from = end;
    }
    rest = rest.subarray(from);
    return values;
  };
}

/** Where the RESP value that begins at `from` ends; undefined when it is not all there. */
function valueEnd(bytes: Buffer, from: number): number | undefined {
  let at = from;
  for (let missing = 1; missing > 0; missing -= 1) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd < 0) return undefined;
    const type = String.fromCharCode(bytes[at] ?? 0);
    const length = Number(bytes.toString('latin1', at + 1, lineEnd));
    at = lineEnd + 2;
    if ('$!='.includes(type)) at += length < 0 ? 0 : length + 2;
    else if ('*~>'.includes(type)) missing += Math.max(length, 0);
    else if (type === '%') missing += 2 * length;
    // Anything else is one line: numbers, words, an inline command.
    if (at > bytes.length) return undefined;
  }
  return at;
}
