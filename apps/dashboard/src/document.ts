/** What all documents of ours have in common. */

export function renderDocument(parts: {
  title: string;
  /** Told to the script, as `data-…` of the document. */
  data?: Readonly<Record<string, string>>;
  /** The paths of its styles. Default: the one of all. */
  styles?: readonly string[];
  /** The path of the script. */
  script?: string;
  body: string;
}): string {
  const { title, data = {}, styles = ['/assets/style.css'], script, body } = parts;
  const told = Object.entries(data).map(([name, value]) => ` data-${name}="${escapeHtml(value)}"`);
  return `<!doctype html>
<html lang="en"${told.join('')}>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="icon" href="data:,">
${styles.map((style) => `<link rel="stylesheet" href="${style}">`).join('\n')}
${script === undefined ? '' : `<script type="module" src="${script}"></script>\n`}</head>
<body>
${body}
</body>
</html>
`;
}

/** A text as it stands in a document, also within quotes. */
export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
