/** A request as a program, or a person at a terminal, would make it. */
import {
  type ClaudeOption,
  claudeOptions,
  type FileValue,
  type Kind,
  type SourceValue,
} from '@cc-executor/claude-options';
import type { ExecuteParams } from '@cc-executor/client';
import { type Code, keyIn } from '../job-code.ts';
import type { Attachment } from './attachments.ts';

type Surroundings = {
  /** The gateway's, as `http://127.0.0.1:8003`. */
  origin: string;
  /** The gateway asks who comes in. */
  asksWho: boolean;
  attachments: readonly Attachment[];
};

export function codeOf(params: ExecuteParams, surroundings: Surroundings): Code {
  const { origin, asksWho, attachments } = surroundings;
  const files = attachments.map(({ name, mediaType }) => ({ mediaType, data: `base64 of ${name}` }));
  const shown = files.length > 0 ? { ...params, attachments: files as FileValue[] } : params;
  const api = `${origin}/v1/jobs`;
  const { header, member } = keyIn(asksWho);
  return {
    curl: [
      `JOB=$(curl -sS${header} --json ${quote(JSON.stringify(shown, undefined, 2))} \\`,
      `  ${api} | grep -o 'job_[0-9a-f]*')`,
      `curl -sSN${header} "${api}/$JOB/events"`,
    ].join('\n'),
    SDK: [
      "import { createClient } from '@cc-executor/client';",
      '',
      `const client = createClient({ url: ${JSON.stringify(origin)}${member} });`,
      `const job = await client.execute(${JSON.stringify(shown, undefined, 2)});`,
      'for await (const event of job.events()) {',
      "  if (event.type === 'output') process.stdout.write(event.text);",
      '}',
      'await client.close();',
    ].join('\n'),
    CLI: commandOf(params, surroundings),
  };
}

/** Members that are no option of Claude Code's have flags of their own: they are named. */
function commandOf({ prompt, ...params }: ExecuteParams, { origin, attachments }: Surroundings): string {
  const options: Partial<Record<string, ClaudeOption>> = claudeOptions;
  const given = Object.entries(params);
  const flags = given.flatMap(([name, value]) => {
    const option = options[name];
    return option ? textsOf(option.value, value).map((text) => `${flagOf(option)}=${text}`) : [];
  });
  const images = attachments.map(({ name }) => `${flagOf(claudeOptions.attachments)}=${name}`);
  const others = given.map(([name]) => name).filter((name) => options[name] === undefined);
  const words = ['npx cc-executor run', `--url=${origin}`, ...[...flags, ...images].map(quote)];
  const lines = [...words, `${prompt.startsWith('-') ? '-- ' : ''}${quote(prompt)}`].join(' \\\n  ');
  return others.length === 0 ? lines : `# and, by flags of its own (--help): ${others.join(', ')}\n${lines}`;
}

function flagOf({ run }: ClaudeOption): string {
  return run.split(' ', 1)[0] ?? '';
}

/** What a flag takes, which is given once for each. */
function textsOf({ kind }: Kind, value: unknown): string[] {
  if (kind === 'list') return [value].flat().map(String);
  if (kind === 'map') return Object.entries(value as object).map(([name, text]) => `${name}=${text}`);
  if (kind !== 'source') return [typeof value === 'object' ? JSON.stringify(value) : String(value)];
  const source = value as SourceValue;
  return ['git' in source ? source.git + (source.ref ? `#${source.ref}` : '') : source.archive];
}

/** For a shell, whatever is in it. */
function quote(text: string): string {
  return /^[\w./:=@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
