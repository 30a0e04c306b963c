/** The thread of `output-schema.ts`: answers one question with the first fault that it finds. */
import { parentPort, workerData } from 'node:worker_threads';
import { Ajv, type ValidateFunction } from 'ajv';

/** Whether the schema is one, or whether the output is of it. */
export type OutputQuestion = { schema: object; output?: unknown };

function answer(question: OutputQuestion): string | undefined {
  const ajv = new Ajv({
    strictSchema: true,
    strictTypes: false,
    strictTuples: false,
    validateFormats: false,
    // Put in place of each reference, a part of the schema would make code of many times its length.
    inlineRefs: false,
    logger: false,
  });
  // It would make a promise of each judgement.
  if ('$async' in question.schema) return 'strict mode: unknown keyword: "$async"';
  let validate: ValidateFunction;
  try {
    validate = ajv.compile(question.schema);
  } catch (error) {
    return (error as Error).message;
  }
  if (!('output' in question) || validate(question.output)) return undefined;
  return ajv.errorsText(validate.errors, { dataVar: 'it' });
}

parentPort?.postMessage(answer(workerData as OutputQuestion));
