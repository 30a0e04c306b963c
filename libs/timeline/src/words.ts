/** What of Claude Code's structures is told to people. Of any length and origin: not made harmless. */

/** The input that says most about a tool's use, in order of preference. */
const TELLING_INPUTS = ['command', 'file_path', 'path', 'pattern', 'url', 'query', 'description', 'prompt'];

/** What a tool was used for. */
export function tellingInput(input: Record<string, unknown>): string {
  for (const key of TELLING_INPUTS) {
    if (typeof input[key] === 'string') return input[key];
  }
  const json = JSON.stringify(input);
  return json === '{}' ? '' : json;
}

/** The texts of what Claude Code says about the run itself. */
export function noticeTexts(message: Record<string, unknown>): string[] {
  const { content } = message.type === 'assistant' ? asRecord(message.message) : message;
  const texts = Array.isArray(content) ? content.map((block) => asRecord(block).text) : [content];
  return texts.filter((text) => typeof text === 'string' && text !== '') as string[];
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
