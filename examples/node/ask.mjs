// Asks Claude, and prints the answer as it comes. Ctrl-C cancels the job.
// node ask.mjs PROMPT | node ask.mjs --attach JOB
import { createClient } from '@cc-executor/client';

const [first, second] = process.argv.slice(2);
if (first === undefined || (first === '--attach' && second === undefined)) {
  console.error('usage: ask.mjs PROMPT | ask.mjs --attach JOB');
  process.exit(2);
}

const client = createClient({ url: process.env.CC_EXECUTOR_URL ?? 'ws://127.0.0.1:8003/ws' });
client.on('state', (state) => {
  if (state === 'reconnecting') console.error('… the gateway is away; the job goes on');
});

const job = first === '--attach' ? await client.attach(second) : await client.execute({ prompt: first });
console.error(job.jobId);
process.once('SIGINT', () => job.cancel());

for await (const event of job.events()) {
  if (event.type === 'output') process.stdout.write(event.text);
  else if (event.type === 'tool_started') console.error(`⚒ ${event.name} ${JSON.stringify(event.input)}`);
  else if (event.type === 'reset') console.error('… what came before is void; it begins anew');
}
const end = await job.done();
console.error(`${end.type}${end.type === 'failed' ? `: ${end.error.message}` : ''}`);
await client.close();
process.exitCode = end.type === 'completed' ? 0 : 1;
