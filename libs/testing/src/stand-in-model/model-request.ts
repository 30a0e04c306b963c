/** What the stand-in model reads from the body of `POST /v1/messages`. */

export type ModelRequest = {
  /** What the user said last, without the reminders that Claude Code adds to it. */
  readonly prompt: string;
  /** Results of the tools that ran since then, oldest first. */
  readonly toolResults: readonly string[];
  readonly model: string;
  readonly stream: boolean;
  /** Names of the tools on offer. */
  readonly tools: readonly string[];
  readonly body: unknown;
};

type Block = {
  type?: string;
  text?: string;
  content?: string | Block[];
};

type Body = {
  model?: string;
  stream?: boolean;
  messages?: { role: string; content: string | Block[] }[];
  tools?: { name?: string }[];
};

/** Reads a request's JSON body; an absent part counts as empty. */
export function readModelRequest(json: string): ModelRequest {
  const body = JSON.parse(json) as Body;
  const toolResults: string[] = [];
  let prompt = '';
  for (const message of (body.messages ?? []).toReversed()) {
    if (message.role !== 'user') continue;
    const blocks = toBlocks(message.content);
    const results = blocks
      .filter((block) => block.type === 'tool_result')
      .map((block) => textOf(block.content));
    toolResults.unshift(...results);
    prompt =
      blocks
        .map(spokenText)
        .filter((text) => text !== '')
        .at(-1) ?? '';
    // A message with tool results may carry text that is no prompt; the prompt is further up.
    if (results.length === 0 && prompt !== '') break;
  }
  return {
    prompt,
    toolResults,
    model: body.model ?? '',
    stream: body.stream === true,
    tools: (body.tools ?? []).map((tool) => tool.name ?? ''),
    body,
  };
}

function spokenText(block: Block): string {
  if (block.type !== 'text') return '';
  return (block.text ?? '').replace(/<system-reminder>[\s\S]*?<\/system-reminder>/g, '').trim();
}

function toBlocks(content: string | Block[] | undefined): Block[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : (content ?? []);
}

function textOf(content: string | Block[] | undefined): string {
  return toBlocks(content)
    .map((block) => block.text ?? '')
    .join('');
}
