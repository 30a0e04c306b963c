/** What the CLI reads from its standard input: the prompt as text; with attachments one line of stream-json. */
import type { FileValue } from '@cc-executor/claude-options';
import type { ExecutionRequest } from './engine.ts';

export function buildCliInput({ question, attachments = [] }: ExecutionRequest): string {
  if (attachments.length === 0) return question;
  const content = [...attachments.map(blockOf), { type: 'text', text: question }];
  return `${JSON.stringify({ type: 'user', message: { role: 'user', content } })}\n`;
}

/** In the form of the Messages API. */
function blockOf({ mediaType, data }: FileValue): object {
  if (mediaType === 'text/plain') {
    const text = Buffer.from(data, 'base64').toString('utf8');
    return { type: 'document', source: { type: 'text', media_type: mediaType, data: text } };
  }
  const type = mediaType.startsWith('image/') ? 'image' : 'document';
  return { type, source: { type: 'base64', media_type: mediaType, data } };
}
