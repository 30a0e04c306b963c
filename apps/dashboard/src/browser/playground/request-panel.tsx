/** The request as it would be sent now, for other ways to send it. */
import type { ExecuteParams } from '@cc-executor/client';
import { useState } from 'preact/hooks';
import { useCopying } from '../copying.ts';
import { gatewayOrigin } from '../gateway-origin.ts';
import type { Code } from '../job-code.ts';
import { visitor } from '../session.ts';
import type { Attachment } from './attachments.ts';
import { codeOf } from './request-code.ts';

export function RequestPanel(props: { params: ExecuteParams; attachments: readonly Attachment[] }) {
  const [form, setForm] = useState<keyof Code>('curl');
  const [said, copy] = useCopying();
  const code = codeOf(props.params, {
    origin: gatewayOrigin(),
    asksWho: visitor !== undefined,
    attachments: props.attachments,
  });
  return (
    <>
      <h2>The same request</h2>
      <div class="buttons">
        {(Object.keys(code) as (keyof Code)[]).map((name) => (
          <button key={name} type="button" aria-pressed={name === form} onClick={() => setForm(name)}>
            {name}
          </button>
        ))}
        <button type="button" onClick={() => copy(form, code[form])}>
          Copy
        </button>
        <output>{said}</output>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, which not every browser lets the keyboard do otherwise */}
      <pre class="output request" tabIndex={0}>
        {code[form]}
      </pre>
    </>
  );
}
