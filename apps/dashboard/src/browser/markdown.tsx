/**
 * Markdown as elements of a page. It becomes no HTML on the way, so whatever Claude was made to say, it is text, in elements
 * that are named here: no HTML of its own, no picture from anywhere (a link in its place), no link but to the web and to mail.
 */
import MarkdownIt, { type Token } from 'markdown-it';
import { type ComponentChildren, Fragment, h } from 'preact';
import { useMemo } from 'preact/hooks';

export const parser = new MarkdownIt({ html: false });
parser.validateLink = (url) => /^(https?:|mailto:)/i.test(url);

/** Each block is made anew only when it has changed: of a text that grows, the last one. */
export function Markdown({ text }: { text: string }) {
  return (
    <div class="markdown">
      {splitBlocks(text).map((block, index) => (
        <Block key={index} text={block} />
      ))}
    </div>
  );
}

function Block({ text }: { text: string }) {
  return useMemo(() => <>{elementsOf(parser.parse(text, {}))}</>, [text]);
}

/** At empty lines, where nothing goes on after them: neither a fence nor what is indented. */
export function splitBlocks(text: string): string[] {
  const blocks: string[] = [];
  let block: string[] = [];
  let fence = '';
  let isAfterEmpty = false;
  for (const line of text.split('\n')) {
    if (fence === '' && isAfterEmpty && /^\S/.test(line)) {
      blocks.push(block.join('\n'));
      block = [];
    }
    const [, mark = ''] = /^ {0,3}(`{3,}|~{3,})/.exec(line) ?? [];
    if (fence === '') fence = mark;
    else if (mark.startsWith(fence) && line.trim() === mark) fence = '';
    block.push(line);
    isAfterEmpty = line.trim() === '';
  }
  return [...blocks, block.join('\n')];
}

type Open = { tag: string | typeof Fragment; props: Record<string, unknown>; children: ComponentChildren[] };

/** The parser's tokens are flat: what opens, what is inside, what closes. */
export function elementsOf(tokens: readonly Token[]): ComponentChildren[] {
  const root: ComponentChildren[] = [];
  const opened: Open[] = [];
  for (const token of tokens) {
    const around = opened.at(-1)?.children ?? root;
    if (token.nesting === 1) {
      opened.push(openingOf(token));
    } else if (token.nesting === -1) {
      const { tag, props, children } = opened.pop() as Open;
      (opened.at(-1)?.children ?? root).push(h(tag as string, props, ...children));
    } else {
      around.push(...leavesOf(token));
    }
  }
  return root;
}

function openingOf(token: Token): Open {
  const props: Record<string, unknown> = {};
  if (token.type === 'link_open') Object.assign(props, linkTo(token.attrGet('href')));
  if (token.type === 'ordered_list_open') props.start = token.attrGet('start') ?? undefined;
  return { tag: token.hidden ? Fragment : tagOf(token), props, children: [] };
}

/** Its headings are below those of the page. */
function tagOf({ type, tag }: Token): string {
  return type === 'heading_open' ? `h${Math.min(6, Number(tag.slice(1)) + 2)}` : tag;
}

function leavesOf(token: Token): ComponentChildren[] {
  const { type, content } = token;
  switch (type) {
    case 'inline':
      return elementsOf(token.children ?? []);
    case 'code_inline':
      return [<code>{content}</code>];
    case 'fence':
    case 'code_block':
      return [
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, which not every browser lets the keyboard do otherwise
        <pre tabIndex={0}>
          <code>{content}</code>
        </pre>,
      ];
    case 'image':
      return [<a {...linkTo(token.attrGet('src'))}>{`picture: ${content || token.attrGet('src')}`}</a>];
    case 'hardbreak':
      return [<br />];
    case 'softbreak':
      return ['\n'];
    case 'hr':
      return [<hr />];
    default:
      return [content];
  }
}

function linkTo(href: string | number | null) {
  return { href: String(href ?? ''), target: '_blank', rel: 'noopener noreferrer' };
}
