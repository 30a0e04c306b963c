import { Writable } from 'node:stream';
import pc from 'picocolors';
import { describe, expect, it } from 'vitest';
import { createMarkdown } from '../src/markdown.ts';
import { createScreen } from '../src/screen.ts';
import { wrapFor } from '../src/wrap.ts';

const [plain, colored] = [pc.createColors(false), pc.createColors(true)];

function render(text: string, width = 80): string {
  const markdown = createMarkdown(plain, width);
  return markdown.take(text) + markdown.end();
}

describe('Markdown on a terminal', () => {
  it.each([
    ['headings', '# One\n## Two ##\n#hashtag', 'One\nTwo\n#hashtag\n'],
    ['emphasis', '**bold _both_** and *it* `**code**`', 'bold both and it **code**\n'],
    ['no emphasis', 'snake_case_name 2 * 3 * 4 a*b*c **half', 'snake_case_name 2 * 3 * 4 a*b*c **half\n'],
    ['escapes', '\\*not\\* 1\\. a', '*not* 1. a\n'],
    ['links', '[docs](https://a.b/c) [http://x](http://x)', 'docs (https://a.b/c) http://x\n'],
    ['lists', '- a\n  * b\n1. c\n- [ ] open\n- [x] done', '• a\n  • b\n1. c\n☐ open\n☑ done\n'],
    ['quotes', '> said\n> > - twice', '│ said\n│ │ • twice\n'],
    ['rules', 'a\n\n---\nb', `a\n\n${'─'.repeat(40)}\nb\n`],
    ['code', '```ts\nconst a = **b**;\n# c\n```\n# d', 'const a = **b**;\n# c\nd\n'],
    ['code in code', '~~~~\n~~~\n``` x\n~~~~\n- d', '~~~\n``` x\n• d\n'],
    [
      'tables',
      '| A | Bee |\n|---|:-:|\n| `1` | a\\|b |\n| long | |\nend',
      'A     Bee\n1     a|b\nlong\nend\n',
    ],
    ['what only looks like a table', '| a | b |\n', '| a | b |\n'],
  ])('renders %s', (_what, text, shown) => {
    expect(render(text)).toBe(shown);
  });

  it.each([
    ['a paragraph', 'one two three four', 'one two\nthree four\n'],
    ['an item', '  - one two three', '  • one two\n    three\n'],
    ['a quote', '> one two three', '│ one two\n│ three\n'],
    ['no word, and no code', '12345678901234\n```\none two three\n```', '12345678901234\none two three\n'],
  ])('breaks between words: %s', (_what, text, shown) => {
    expect(render(text, 11)).toBe(shown);
  });

  it('breaks nothing where a terminal does not say how wide it is', () => {
    expect(wrapFor({ isTTY: true, columns: 0 }, 'one two')).toBe('one two');
    expect(wrapFor({ isTTY: true, columns: 3 }, 'one two')).toBe('one\n  two');
    expect(wrapFor({ columns: 3 }, 'one two')).toBe('one two');
  });

  it('leaves a table as it is written where it has no room', () => {
    const table = '| a | b |\n|---|---|\n| a cell that is long | b |\n';
    expect(render(table, 15)).toBe(table);
  });

  it('gives the same whatever the pieces it comes in, and each line once it is whole', () => {
    const text = '# T\n\n- **a**\n```\nx\n```\n| a | b |\n|---|---|\n| 1 | 2 |\n\nlast `line`';
    const markdown = createMarkdown(colored, 80);
    const pieces = [...text].map((letter) => markdown.take(letter));
    expect(pieces.join('') + markdown.end()).toBe(createMarkdown(colored, 80).take(`${text}\n`));
    expect(pieces.filter((piece) => piece !== '').every((piece) => piece.endsWith('\n'))).toBe(true);
  });

  it('keeps a block of code open over a note, and begins anew with a new text', () => {
    const markdown = createMarkdown(plain, 80);
    expect(markdown.take('```\n# a\n# b') + markdown.flush()).toBe('# a\n# b\n');
    expect(markdown.take('# c\n') + markdown.end() + markdown.take('# d\n')).toBe('# c\nd\n');
  });

  it.each(['*', '`a', '**a', '_a ', '[a](', '> ', '- ', '# ', '|', '~', ' '])(
    'takes no time for a line of nothing but %j',
    (part) => {
      const line = part.repeat(300_000);
      const from = performance.now();
      expect(render(`${line}x\n`)).toBe(`${line}x\n`);
      expect(render(`${part.repeat(400)}x\n`.repeat(20))).not.toBe('');
      expect(performance.now() - from).toBeLessThan(5_000);
    },
  );
});

describe('an answer on a terminal', () => {
  function terminal(hasColors = true) {
    let text = '';
    const stream = new Writable({
      write(data, _encoding, done) {
        text += data;
        done();
      },
    });
    const shown = Object.assign(stream, { isTTY: true, columns: 80, hasColors: () => hasColors });
    return { streams: { stdout: shown, stderr: shown }, text: () => text };
  }

  it('has the colours of its Markdown, and no sequence of its own', async () => {
    const { streams, text } = terminal();
    const screen = createScreen({ quiet: true, json: false, plain: false }, streams);
    for (const piece of ['**bo', 'ld** \u001b[31', 'mred\u001b]0;title\u0007 `\u009b2J`\n', 'end'])
      await screen.write(piece);
    await screen.finish();
    expect(text()).toBe(`${colored.bold('bold')} ␛[31mred␛]0;title␇ ${colored.cyan('<U+009B>2J')}\nend\n`);
  });

  it.each([
    ['--plain', true, true],
    ['no colours', false, false],
  ])('is as it is written with %s', async (_how, plain, hasColors) => {
    const { streams, text } = terminal(hasColors);
    const screen = createScreen({ quiet: true, json: false, plain }, streams);
    for (const piece of ['# a\n**bo', 'ld** \u001b[31m']) await screen.write(piece);
    await screen.finish();
    expect(text()).toBe('# a\n**bold** ␛[31m\n');
  });

  it('is whole before a note, and goes on behind it', async () => {
    const { streams, text } = terminal();
    const screen = createScreen({ quiet: false, json: false, plain: false }, streams);
    await screen.write('so far');
    screen.note('a note');
    await screen.write('- next', true);
    await screen.finish();
    expect(text()).toBe('so far\na note\n• next\n');
  });
});
