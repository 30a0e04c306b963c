/** Takes titles, prompts and output out of what gateways answer, and leaves its form: for operators who may not see them. */

/** What stands in place of a content that must be there. */
const EMPTY: Record<string, unknown> = { text: '', input: {}, message: {} };
const LEFT_OUT = ['title', 'structuredOutput', 'pieces', 'backgroundTasks'];

/** A copy without content. Codes and words of failures stay. */
export function hideContent(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(hideContent);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([key]) => !LEFT_OUT.includes(key));
  return Object.fromEntries(kept.map(([key, member]) => [key, hideMember(key, member)]));
}

function hideMember(key: string, member: unknown): unknown {
  // The message of an error is a text, that of an event is what Claude Code said.
  const isFailure = key === 'message' && typeof member === 'string';
  return key in EMPTY && !isFailure ? EMPTY[key] : hideContent(member);
}

/** Lines of JSON without content, each as soon as it has come. Errors: those of the source. */
export async function* hideContentOfLines(source: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of source) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield `${JSON.stringify(hideContent(JSON.parse(line)))}\n`;
  }
}
