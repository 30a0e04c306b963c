/** The reference of the HTTP door as a page, made of its OpenAPI document; it fetches nothing. */
import { protocolErrors } from '@cc-executor/protocol';
import { escapeHtml, page, prose } from './page.ts';

type Parameter = { name: string; in: string; required: boolean; schema: object };
type Operation = {
  operationId: string;
  summary: string;
  parameters: Parameter[];
  requestBody?: { content: Record<string, object> };
  responses: Record<string, { description: string; content?: Record<string, object> }>;
};
type Document = {
  info: { title: string; version: string; description: string };
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, object> };
};

/** Makes the page of an OpenAPI document. */
export function referencePage(openApi: object): string {
  const { info, paths, components } = openApi as Document;
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => describeOperation(method, path, operation)),
  );
  const schemas = Object.entries(components.schemas).map(
    ([name, schema]) =>
      `<details id="${escapeHtml(name)}"><summary><code>${escapeHtml(name)}</code></summary>${json(schema)}</details>`,
  );
  const errors = Object.entries(protocolErrors).map(([code, { httpStatus, retryable, description }]) =>
    row([
      `<code id="${code}">${code}</code>`,
      String(httpStatus),
      retryable ? 'yes' : 'no',
      escapeHtml(description),
    ]),
  );
  return page(
    `${info.title}: HTTP reference`,
    `<p>${escapeHtml(info.description)} Version ${escapeHtml(info.version)}; as OpenAPI 3.1: <a href="openapi.json">openapi.json</a>.
In JavaScript: <a href="docs/sdk">what the SDK exports</a>.</p>
${operations.join('\n')}
<h2 id="errors">Errors</h2>
<p>As <code>application/problem+json</code>; programs read <code>code</code>. What is retryable has <code>Retry-After</code>.</p>
<table>${row(['code', 'status', 'retryable', 'meaning'], 'th')}${errors.join('')}</table>
<h2>Schemas</h2>
${schemas.join('\n')}`,
  );
}

function describeOperation(method: string, path: string, operation: Operation): string {
  const { operationId, summary, parameters, requestBody, responses } = operation;
  const inputs = parameters.map(({ name, in: place, required, schema }) =>
    row([`<code>${escapeHtml(name)}</code>`, place + (required ? ', required' : ''), compact(schema)]),
  );
  if (requestBody) inputs.push(row(['body', '', contents(requestBody.content)]));
  const answers = Object.entries(responses).map(([status, { description, content }]) =>
    row([status, prose(description), content ? contents(content) : '']),
  );
  return `<h2 id="${escapeHtml(operationId)}"><code>${method.toUpperCase()} ${escapeHtml(path)}</code></h2>
<p>${prose(summary)}</p>
<table>${inputs.join('')}</table><table>${answers.join('')}</table>`;
}

function contents(content: Record<string, object>): string {
  return Object.entries(content)
    .map(
      ([mediaType, { schema }]: [string, { schema?: object }]) =>
        `${escapeHtml(mediaType)} ${compact(schema ?? {})}`,
    )
    .join('<br>');
}

/** A reference as a link; anything else on one line. */
function compact(schema: object): string {
  const { $ref } = schema as { $ref?: string };
  const name = $ref?.split('/').at(-1);
  if (name !== undefined) return `<a href="#${escapeHtml(name)}">${escapeHtml(name)}</a>`;
  return `<code>${escapeHtml(JSON.stringify(schema))}</code>`;
}

function json(schema: object): string {
  const text = escapeHtml(JSON.stringify(schema, null, 2));
  return `<pre>${text.replaceAll(/#\/components\/schemas\/([\w.]+)/g, '<a href="#$1">$1</a>')}</pre>`;
}

function row(cells: readonly string[], tag = 'td'): string {
  return `<tr>${cells.map((cell) => `<${tag}>${cell}</${tag}>`).join('')}</tr>`;
}
