/** What the SDK exports, as a page: docs/sdk.md for those who have no repository. Names lead to their declarations. */
import { sdkReference } from './generated/sdk-reference.ts';
import { escapeHtml, page, prose } from './page.ts';

type Declared = { name: string; words: string; code: string };

const names = new Set(sdkReference.flatMap(({ declared }) => declared.map(({ name }) => name)));

/** Makes the page. */
export function sdkPage(): string {
  const packages = sdkReference.map(({ name, declared }) => {
    const contents = declared.map((each) => `<a href="#${each.name}">${each.name}</a>`);
    return `<h2 id="${name}"><a href="#${name}">${name}</a></h2>
<p>${contents.join(', ')}</p>
${declared.map(describeExport).join('\n')}`;
  });
  return page(
    'CC Executor: SDK reference',
    `<p>How to use it: the README of each package. Error codes: <a href="../docs#errors">HTTP reference</a>.</p>
${packages.join('\n')}`,
  );
}

function describeExport({ name, words, code }: Declared): string {
  const linked = escapeHtml(code).replaceAll(/\w+/g, (word) =>
    names.has(word) && word !== name ? `<a href="#${word}">${word}</a>` : word,
  );
  const said = words === '' ? '' : `<p>${prose(words)}</p>\n`;
  return `<h3 id="${name}"><a href="#${name}">${name}</a></h3>\n${said}<pre>${linked}</pre>`;
}
