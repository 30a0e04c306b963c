/** A job as a program, or a person at a terminal, looks at it. */

export type Code = Record<'curl' | 'SDK' | 'CLI', string>;

/** Where a gateway asks who comes in, what says so. The command line finds its token in CC_EXECUTOR_TOKEN by itself. */
export function keyIn(asksWho: boolean): { header: string; member: string } {
  if (!asksWho) return { header: '', member: '' };
  return {
    header: ' -H "Authorization: Bearer $CC_EXECUTOR_TOKEN"',
    member: ", token: 'of your key'",
  };
}

/** @param surroundings.origin the gateway's, as `http://127.0.0.1:8003` */
export function codeOfJob(jobId: string, { origin, asksWho }: { origin: string; asksWho: boolean }): Code {
  const { header, member } = keyIn(asksWho);
  return {
    curl: `curl -sSN${header} -H 'Accept: application/x-ndjson' ${origin}/v1/jobs/${jobId}/events`,
    SDK: [
      "import { createClient } from '@cc-executor/client';",
      '',
      `const client = createClient({ url: ${JSON.stringify(origin)}${member} });`,
      `const job = await client.attach('${jobId}');`,
      'for await (const event of job.events()) console.log(event);',
      'await client.close();',
    ].join('\n'),
    CLI: `npx cc-executor explain ${jobId} --url=${origin}`,
  };
}
