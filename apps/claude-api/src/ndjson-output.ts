/** The output for `/execute/claude-stream`: one JSON document a line, Claude Code's own lines as they came. */
import type { ExecutionOutput } from './execution.ts';
import type { ResponseWriter } from './response-writer.ts';

/** Makes the output. The lines of one flush are one write. */
export function createNdjsonOutput(writer: ResponseWriter): ExecutionOutput {
  let pending = '';
  return {
    start(executionId, engine, credential) {
      writer.write(`${JSON.stringify({ type: 'start', execution_id: executionId, engine, credential })}\n`);
    },
    line(line) {
      pending += `${line}\n`;
    },
    flush() {
      const text = pending;
      pending = '';
      return text === '' ? undefined : writer.write(text);
    },
    ping() {
      writer.write('{"type":"ping"}\n');
    },
    notice(type) {
      writer.write(`${JSON.stringify({ type })}\n`);
    },
    complete({ executionId, status, exitCode, bytes, digest, conversation, backgroundTasks, diff, error }) {
      const line = {
        type: 'complete',
        execution_id: executionId,
        status,
        exit_code: exitCode,
        bytes,
        digest,
        ...(conversation !== undefined && { conversation }),
        ...(backgroundTasks !== undefined && { background_tasks: backgroundTasks }),
        ...(diff !== undefined && { diff }),
        timestamp: new Date().toISOString(),
        ...(error !== undefined && { error }),
      };
      writer.end(`${JSON.stringify(line)}\n`);
    },
  };
}
