/** Decides what the stand-in model answers: one text block, or one tool call. Pure. */
import { bashRequest, type ModelBehaviour, type ToolRequest } from './directives.ts';
import type { ModelRequest } from './model-request.ts';

const PIECE_LENGTH = 12;

export type Reply =
  | { readonly type: 'text'; readonly text: string; readonly pieces: readonly string[] }
  | { readonly type: 'tool'; readonly tool: ToolRequest };

/** The next turn of the conversation: the first tool call that has no result yet, or the answer. */
export function composeReply(request: ModelRequest, behaviour: ModelBehaviour): Reply {
  const tools = behaviour.tools ?? behaviour.bash?.map(bashRequest);
  const tool = tools?.[request.toolResults.length];
  if (tool !== undefined) return { type: 'tool', tool };
  const text = answerText(request, behaviour);
  return { type: 'text', text, pieces: cut(text, behaviour.chunks) };
}

function answerText(
  { prompt, toolResults }: ModelRequest,
  { text, size, chunks, bash, tools }: ModelBehaviour,
): string {
  if (text !== undefined) return text;
  if (size !== undefined) return 'abcdefghijklmno\n'.repeat(Math.ceil(size / 16)).slice(0, size);
  if (bash !== undefined || tools !== undefined) return `The output is:\n${toolResults.at(-1) ?? ''}`;
  if (chunks !== undefined) return Array.from({ length: chunks }, (_, index) => `w${index} `).join('');
  return `You said: ${prompt}`;
}

/** Cuts at code points, so that no piece ends in half a surrogate pair. */
function cut(text: string, count: number | undefined): string[] {
  const words = text.match(/w\d+ /g);
  if (words !== null && words.length === count && words.join('') === text) return words;
  const points = [...text];
  const length = count === undefined ? PIECE_LENGTH : Math.max(1, Math.ceil(points.length / count));
  const pieces: string[] = [];
  for (let start = 0; start < points.length; start += length) {
    pieces.push(points.slice(start, start + length).join(''));
  }
  return pieces;
}
