/** The bodies of a batch, one a line, as the log holds them. */

const LINE_FEED = Buffer.from('\n');

/** As text while all of them are: in bytes it is what is sent to Redis, and the text of a large one is not encoded again. */
export function joinBodies(bodies: readonly (string | Buffer)[]): string | Buffer {
  if (bodies.every((body) => typeof body === 'string')) return bodies.join('\n');
  const parts = bodies.flatMap((body) => [LINE_FEED, typeof body === 'string' ? Buffer.from(body) : body]);
  return Buffer.concat(parts.slice(1));
}
