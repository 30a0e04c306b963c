/**
 * Frames that no client of ours would send. About half are requests by their form, with methods and parameters of all
 * kinds; the others are such requests with bytes changed, frames of other kinds, and bytes that are no frames.
 */
import { bareFrame, FINAL_TEXT } from '@cc-executor/testing';
import type { Random } from '../chaos/random.ts';

/** The first bytes of frames: which kind, and whether the last of a message. */
const firstBytes = { text: 0x01, continuation: 0x00, end: 0x80, binary: 0x82, ping: 0x89, pong: 0x8a };
const CONTROL_BYTES = 125;

const methods = [
  'execute',
  'attach',
  'detach',
  'cancel',
  'pause',
  'resume',
  'get',
  'verify',
  'eventBody',
  'list',
];
const names = [
  'jobId',
  'prompt',
  'metadata',
  'env',
  'afterSeq',
  'epoch',
  'timeouts',
  'limit',
  'id',
  '__proto__',
  '0',
  'x',
];
const scalars = [
  '0',
  '-1',
  '1e999',
  '9007199254740993',
  'null',
  'true',
  '""',
  '"\\ud83d"',
  '"\\u0000"',
  '"job_"',
  '{}',
  '[]',
];
const words = ['x', 'ж', '字', '😀', '\\u0001', '\\\\', '"}', '[[[', 'job_00000000000000000000000000000000'];

/** So few that what they leave behind in Redis does not count. */
const VALID_EXECUTE = 0.002;
const execute = '{"prompt":"x","attach":false,"timeouts":{"queueMs":1000}}';

/** Returns what makes the next frame, or several that belong together: the bytes to send. */
export function createFuzz(random: Random): () => Buffer {
  const text = (most: number) => random.pick(words).repeat(random.int(0, most));

  function value(depth: number): string {
    if (depth === 0 || random.chance(0.5))
      return random.chance(0.7) ? random.pick(scalars) : JSON.stringify(text(20));
    if (random.chance(0.02)) return `${'['.repeat(random.int(1, 200))}${'{"7":'.repeat(random.int(0, 50))}`;
    const members = Array.from({ length: random.int(0, 4) }, () => value(depth - 1));
    if (random.chance(0.3)) return `[${members.join(',')}]`;
    return `{${members.map((member) => `"${random.pick(names)}":${member}`).join(',')}}`;
  }

  function params(method: string): string {
    if (method === 'execute' && random.chance(VALID_EXECUTE)) return execute;
    if (random.chance(0.2)) return `{"jobId":"job_${random.int(0, 1e9).toString(16).padStart(32, '0')}"}`;
    return value(3);
  }

  function request(): string {
    const method = random.chance(0.9) ? random.pick(methods) : text(5).replaceAll('"', '');
    const id = random.chance(0.9) ? `"id":${random.int(0, 1e9)},` : '';
    return `{"jsonrpc":"2.0",${id}"method":"${method}","params":${params(method)}}`;
  }

  function changed(bytes: Buffer): Buffer {
    const copy = Buffer.from(bytes);
    for (let i = random.int(1, 4); i > 0; i -= 1) {
      // ASCII for the most part: other bytes are no text, and end the connection.
      copy[random.int(0, copy.length - 1)] = random.int(0, random.chance(0.01) ? 255 : 127);
    }
    const cut = random.int(0, copy.length);
    if (random.chance(0.3)) return copy.subarray(0, cut);
    return random.chance(0.3) ? Buffer.concat([copy.subarray(0, cut), copy]) : copy;
  }

  const makers = {
    request: () => bareFrame(Buffer.from(request())),
    changed: () => bareFrame(changed(Buffer.from(request()))),
    fragments() {
      const payload = Buffer.from(request());
      const cut = random.int(0, payload.length);
      return Buffer.concat([
        bareFrame(payload.subarray(0, cut), firstBytes.text),
        bareFrame(Buffer.alloc(0), firstBytes.continuation),
        bareFrame(payload.subarray(cut), firstBytes.end),
      ]);
    },
    binary: () => bareFrame(Buffer.from(request()), firstBytes.binary),
    control: () =>
      bareFrame(
        Buffer.alloc(random.int(0, CONTROL_BYTES), 'x'),
        random.chance(0.5) ? firstBytes.ping : firstBytes.pong,
      ),
    long: () => bareFrame(Buffer.alloc(random.int(1_000, 200_000), random.pick(['[', '{"a":', '"', '0,']))),
    /** Any frame with any byte of its head or payload changed. */
    broken() {
      const bytes = bareFrame(Buffer.from(request()), random.chance(0.5) ? FINAL_TEXT : random.int(0, 255));
      bytes[random.int(0, random.chance(0.5) ? 13 : bytes.length - 1)] = random.int(0, 255);
      return bytes;
    },
    garbage: () => Buffer.from(Array.from({ length: random.int(1, 200) }, () => random.int(0, 255))),
  };
  const weights = {
    request: 550,
    changed: 400,
    fragments: 20,
    binary: 5,
    control: 20,
    long: 1,
    broken: 2,
    garbage: 2,
  };

  return () => makers[random.weighted(weights)]();
}
