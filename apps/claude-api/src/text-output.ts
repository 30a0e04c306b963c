/**
 * The output for `/execute/stream`: a preamble, then the answer's text, for callers of the prototype.
 * Plain text has no place for a status, so the end of the response is the status: a response that ends in good
 * order is a success; after anything else an error line is written and the connection is cut.
 * Text goes out a block at a time: only then is it certain that Claude Code does not take it back.
 */
import type { ExecutionOutput } from './execution.ts';
import type { ResponseWriter } from './response-writer.ts';

/** Makes the output. */
export function createTextOutput(writer: ResponseWriter): ExecutionOutput {
  let settled = '';
  let block = '';
  return {
    start(executionId) {
      const started = new Date().toISOString();
      writer.write(`Execution ID: ${executionId}\nStarting execution: ${started}\n${'='.repeat(60)}\n`);
    },
    line(_line, events) {
      for (const event of events) {
        if (event.type === 'discard') block = '';
        if (event.type !== 'text') continue;
        if (event.begin) {
          settled += block;
          block = '';
        }
        block += event.text;
      }
    },
    flush() {
      const text = settled;
      settled = '';
      return text === '' ? undefined : writer.write(text);
    },
    ping() {
      // Whatever was written here would be taken for a part of the answer.
    },
    notice() {
      // The same goes for this.
    },
    complete({ status, error }) {
      if (status === 'success') writer.end(`${block}\n`);
      else writer.breakOff(`${block}\nERROR: ${error?.message ?? `the execution was ${status}`}\n`);
    },
  };
}
