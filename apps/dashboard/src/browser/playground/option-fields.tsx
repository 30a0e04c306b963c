/** A field for each option of Claude Code, made of the one table of them: what is asked for often at once, the rest folded. */
import { type ClaudeOption, claudeOptions, type Kind } from '@cc-executor/claude-options';
import { OTHERS, type ReadOptions, readOptions } from './read-options.ts';

const OFTEN = [
  ...['model', 'effort', 'permissionMode', 'maxTurns', 'maxBudgetUsd'],
  ...['allowedTools', 'appendSystemPrompt', 'systemPrompt'],
];
/** The composer has them. */
const ELSEWHERE = ['attachments', 'conversation'];

const options = Object.entries<ClaudeOption>(claudeOptions);

export function OptionFields({ onChange }: { onChange: (options: ReadOptions) => void }) {
  return (
    <form
      class="options"
      aria-label="Options"
      onInput={({ currentTarget }) => onChange(readOptions(new FormData(currentTarget)))}
      onSubmit={(event) => event.preventDefault()}
    >
      {OFTEN.map((name) => (
        <Field key={name} name={name} option={claudeOptions[name as keyof typeof claudeOptions]} />
      ))}
      <details>
        <summary>All other options</summary>
        {options.map(
          ([name, option]) =>
            ![...OFTEN, ...ELSEWHERE].includes(name) && <Field key={name} name={name} option={option} />,
        )}
        <div class="field">
          <label for={OTHERS}>Other members of the request</label>
          <textarea
            id={OTHERS}
            name={OTHERS}
            rows={3}
            placeholder={'{"timeouts": {"totalMs": 60000}}'}
            aria-describedby={`${OTHERS}-meaning`}
          />
          <small id={`${OTHERS}-meaning`}>
            timeouts, retry, priority, metadata, webhook …, as a JSON object
          </small>
        </div>
      </details>
    </form>
  );
}

function Field({ name, option: { value, meaning } }: { name: string; option: ClaudeOption }) {
  return (
    <div class="field">
      <label for={name}>{name}</label>
      <Input name={name} kind={value} />
      <small id={`${name}-meaning`}>
        {meaning}
        {HINTS[value.kind]}
      </small>
    </div>
  );
}

const HINTS: Partial<Record<Kind['kind'], string>> = {
  list: ', one a line',
  map: ', NAME=value, one a line',
  object: ', as JSON',
  schema: ', as JSON',
  source: ', as JSON: {"git": "https://…"}',
};

function Input({ name, kind }: { name: string; kind: Kind }) {
  const known = { id: name, name, 'aria-describedby': `${name}-meaning` };
  switch (kind.kind) {
    case 'choice':
      return (
        <select {...known}>
          {['', ...kind.choices].map((choice) => (
            <option key={choice} value={choice}>
              {choice || 'as usual'}
            </option>
          ))}
        </select>
      );
    case 'integer':
      return <input {...known} type="number" min={kind.min} max={kind.max} step={1} />;
    case 'amount':
      return <input {...known} type="number" min={0} max={kind.max} step="any" />;
    case 'text':
      // A prompt may have lines, a name has none.
      if (!kind.pattern.test('a\nb')) return <input {...known} autoComplete="off" />;
  }
  return <textarea {...known} rows={2} />;
}
