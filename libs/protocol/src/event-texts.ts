/** How the JSON of an event is put together: a head, which the events of a batch have in common but for the seq, and its body. */

type Head = { jobId: string; epoch: string; attempt: number; time: number };

/** What stands before and after the seq; the body follows, without the brace that opens it. */
export function headAround({ jobId, epoch, attempt, time }: Head): { before: string; after: string } {
  return {
    before: `{"jobId":"${jobId}","epoch":"${epoch}","seq":`,
    after: `,"attempt":${attempt},"time":${time},`,
  };
}

/** The events of a batch as JSON texts; their `bodies` are JSON objects, one a line. */
export function eventTexts(batch: Head & { firstSeq: number; bodies: { toString(): string } }): string[] {
  const { before, after } = headAround(batch);
  const bodies = batch.bodies.toString().split('\n');
  return bodies.map((body, i) => `${before}${batch.firstSeq + i}${after}${body.slice(1)}`);
}
