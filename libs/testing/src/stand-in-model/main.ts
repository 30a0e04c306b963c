/**
 * Runs the stand-in model by hand: `node libs/testing/src/stand-in-model/main.ts [port]`.
 * Prints what to export so that Claude Code talks to it, then serves until it is interrupted.
 */
import { startStandInModel } from './server.ts';

const model = await startStandInModel({ port: Number(process.argv[2] ?? 0) });
process.stdout.write(`export ANTHROPIC_BASE_URL=${model.url} ANTHROPIC_API_KEY=sk-ant-stand-in\n`);

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void model.close());
