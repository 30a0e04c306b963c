/**
 * The stand-in model's behaviour as data, and its notation inside a prompt: `[[name: value]]` or `[[name]]`.
 *
 *   [[text: …]]          answer exactly this             [[bash: <command>]]  ask for a Bash call, then report it
 *   [[chunks: 100]]      answer in so many pieces        [[delay: 20]]        milliseconds between pieces
 *   [[size: 200000]]     answer so many characters       [[wait: 500]]        milliseconds before the answer
 *   [[status: 529]]      refuse; `529 2` only twice      [[drop-after: 5]]    cut streamed answers after 5 pieces
 *   [[hang]]             send the headers, then nothing  [[stop: refusal]]    the answer's `stop_reason`
 *   [[error: {"status":400,"type":"billing_error","message":"No credit","headers":{}}]]   refuse with these words
 *   [[tool: Read {"file_path":"/x"}]]                    ask for any tool, then report its result
 *
 * Several `[[bash: …]]` and `[[tool: …]]` are asked for one after another. A value ends at the first `]]`.
 */

export type ToolRequest = {
  readonly name: string;
  readonly input: object;
};

export type ModelError = {
  readonly status: number;
  /** Without it, the one that belongs to the status. */
  readonly type?: string;
  readonly message?: string;
  readonly headers?: Readonly<Record<string, string>>;
};

export type ModelBehaviour = {
  /** The answer; default is `You said: <prompt>`. */
  text?: string;
  /** Commands to run with the Bash tool, one a turn; the answer then reports the last one's result. */
  bash?: readonly string[];
  /** The same for any tool: what `bash` is short for. */
  tools?: readonly ToolRequest[];
  /** Pieces in which a streamed answer comes. */
  chunks?: number;
  /** The answer's length in characters, instead of `text`. */
  size?: number;
  delayMs?: number;
  waitMs?: number;
  /** Answer with this HTTP status instead; `times` limits it to the first requests with this prompt. */
  status?: { code: number; times: number };
  /** Cut the connection after so many pieces of a streamed answer. */
  dropAfter?: number;
  hang?: boolean;
  /** Answer with this error of the API instead. */
  error?: ModelError;
  /** The `stop_reason` of an answer in text: `refusal` when the model's own safety stops it, `max_tokens` … */
  stopReason?: string;
};

/** Reads the directives of a prompt. Unknown names are left alone: they are part of what was said. */
export function parseDirectives(prompt: string): ModelBehaviour {
  const behaviour: ModelBehaviour = {};
  const tools: ToolRequest[] = [];
  for (const [, name, value = ''] of prompt.matchAll(/\[\[([a-z-]+)(?::[ \t]?([\s\S]*?))?\]\]/g)) {
    if (name === 'text') behaviour.text = value;
    else if (name === 'bash') tools.push(bashRequest(value));
    else if (name === 'tool') tools.push(readToolRequest(value));
    else if (name === 'chunks') behaviour.chunks = Number(value);
    else if (name === 'size') behaviour.size = Number(value);
    else if (name === 'delay') behaviour.delayMs = Number(value);
    else if (name === 'wait') behaviour.waitMs = Number(value);
    else if (name === 'drop-after') behaviour.dropAfter = Number(value);
    else if (name === 'hang') behaviour.hang = true;
    else if (name === 'stop') behaviour.stopReason = value.trim();
    else if (name === 'error') behaviour.error = JSON.parse(value) as ModelError;
    else if (name === 'status') {
      const [code, times] = value.trim().split(/\s+/);
      behaviour.status = { code: Number(code), times: times === undefined ? Infinity : Number(times) };
    }
  }
  return tools.length > 0 ? { ...behaviour, tools } : behaviour;
}

/** What asks for a command to be run. */
export function bashRequest(command: string): ToolRequest {
  return { name: 'Bash', input: { command, description: 'Runs what the prompt asked for' } };
}

function readToolRequest(value: string): ToolRequest {
  const [name = '', json = '{}'] = value.trim().split(/\s+([\s\S]*)/, 2);
  return { name, input: JSON.parse(json) as object };
}
