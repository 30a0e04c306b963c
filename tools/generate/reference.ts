/**
 * docs/sdk.md: what the SDK, its transport for the AI SDK and its hooks export, with the words that stand above it in the
 * sources. Declarations are found by the way in which the formatter lays them out.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const HEAD = `# The SDK: reference

<!-- Generated from libs/client, libs/react and libs/protocol by \`npm run generate\`. Do not edit. -->

How to install and use them: [@cc-executor/client](../libs/client/README.md), [@cc-executor/react](../libs/react/README.md). What the events
mean: [PROTOCOL.md](../PROTOCOL.md); error codes: [errors.md](errors.md).
`;

const ENTRIES: Record<string, string> = {
  '@cc-executor/client': 'libs/client/src/index.ts',
  '@cc-executor/client/ai-sdk': 'libs/client/src/ai-sdk.ts',
  '@cc-executor/react': 'libs/react/src/index.ts',
};

const PACKAGES: Record<string, string> = { '@cc-executor/protocol/plain': 'libs/protocol/src/plain.ts' };

type Read = (file: string) => string;

/** The file by path. `generated`: sources that are made in the same run. */
export function generateReference(root: string, generated: ReadonlyMap<string, string>): Map<string, string> {
  const read: Read = (file) => generated.get(file) ?? readFileSync(join(root, file), 'utf8');
  const sections = Object.entries(ENTRIES).map(([name, file]) => {
    const declared = exportsOf(read, file).map((found) => describe(found.name, readDeclaration(read, found)));
    // Functions first: types are what they take and give.
    const sorted = declared.toSorted((a, b) => Number(b.isValue) - Number(a.isValue));
    return `## ${name}\n\n${sorted.map(({ text }) => text).join('\n')}`;
  });
  return new Map([['docs/sdk.md', [HEAD, ...sections].join('\n')]]);
}

type Found = { name: string; file: string };

/** What a module exports, and where each is declared, through however many modules that hand it on. */
function exportsOf(read: Read, file: string): Found[] {
  const text = read(file);
  const own = [...text.matchAll(/^export (?:async )?(?:type|function\*?|class|const) (\w+)/gm)].map(
    ([, name = '']) => ({ name, file }),
  );
  const handedOn = [...text.matchAll(/^export (?:type )?\{([^}]*)\} from '([^']+)';/gm)].flatMap(
    ([, names = '', from = '']) => {
      const source = PACKAGES[from] ?? join(dirname(file), from);
      const offered = exportsOf(read, source);
      return names
        .split(',')
        .map((name) => name.trim().replace('type ', ''))
        .filter((name) => name !== '')
        .map((name) => {
          const found = offered.find((each) => each.name === name);
          if (!found) throw new Error(`${file} hands on ${name}, which ${source} does not declare`);
          return found;
        });
    },
  );
  return [...own, ...handedOn];
}

type Declaration = { words: string; code: string };

function readDeclaration(read: Read, { name, file }: Found): Declaration {
  const lines = read(file).split('\n');
  const start = lines.findIndex((line) =>
    new RegExp(`^export (?:async )?(?:type|function\\*?|class|const) ${name}\\b`).test(line),
  );
  const code: string[] = [];
  for (const line of lines.slice(start)) {
    // What a function and a constructor do is not said here.
    const isBody = /^(?:export (?:async )?function| {2}constructor|\))/.test(line) && line.endsWith(' {');
    code.push(isBody ? line.replace(/ \{$/, ';') : line);
    if (isBody && line.startsWith('  ')) code.push('}');
    if (isBody || /^(?:\S|\s+\|).*;$/.test(line)) break;
  }
  return {
    words: wordsAbove(lines, start),
    code: code.join('\n').replace(/ declare readonly /g, ' readonly '),
  };
}

function wordsAbove(lines: readonly string[], start: number): string {
  if (!/\*\/$/.test(lines[start - 1] ?? '')) return '';
  const first = lines.findLastIndex((line, i) => i < start && line.startsWith('/**'));
  return lines
    .slice(first, start)
    .map((line) => line.replace(/^\s*(?:\/\*\*|\*\/|\*)\s?/, '').replace(/\s*\*\/$/, ''))
    .join('\n')
    .trim();
}

function describe(name: string, { words, code }: Declaration): { isValue: boolean; text: string } {
  const declared = code.replace(/^export /, '');
  const text = `### ${name}\n\n${words === '' ? '' : `${words}\n\n`}\`\`\`ts\n${declared}\n\`\`\`\n`;
  return { isValue: !declared.startsWith('type '), text };
}
