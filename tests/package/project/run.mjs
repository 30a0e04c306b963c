// Runs one job over the packed SDK at the URL given, and prints what came.
import { createClient } from '@cc-executor/client';

const [, , url] = process.argv;
const WebSocket = globalThis.WebSocket ?? (await import('ws')).WebSocket;
const client = createClient({ url, WebSocket });
const job = await client.execute({ prompt: 'hello' });
const types = [];
for await (const event of job.events()) types.push(event.type);
const end = await job.done();
console.log(JSON.stringify({ types, answer: job.answer(), end: end.type }));
await client.close();
