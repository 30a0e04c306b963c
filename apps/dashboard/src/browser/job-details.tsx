/** The right panel of a job's page: what it costs and took, what it used, and who was handed its end. */
import { type GetResult, isTerminal, type TerminalEvent } from '@cc-executor/protocol/plain';
import type { ComponentChildren } from 'preact';
import { formatBytes, formatCost, formatDuration, formatTime } from './format.ts';
import type { ToolUse } from './story.ts';

export function Facts({ job, now }: { job: GetResult; now: number }) {
  const { createdAt, startedAt, endedAt, rerunOf, metadata, failure, costUsd } = job;
  const end = job.terminal as TerminalEvent | undefined;
  const times = Object.entries({
    'in the queue': end?.timings?.queueMs,
    'to start': end?.timings?.startMs,
    'to the first output': end?.timings?.firstOutputMs,
    'in the model': end?.timings?.modelMs,
  });
  return (
    <dl class="facts">
      {job.tenant !== undefined && <Fact name="tenant">{job.tenant}</Fact>}
      <Fact name="accepted">{formatTime(createdAt)}</Fact>
      <Fact name="took">
        {formatDuration((endedAt ?? now) - createdAt)}
        {startedAt !== undefined && `, ${formatDuration((endedAt ?? now) - startedAt)} since it started`}
      </Fact>
      {times.map(([name, ms]) => ms !== undefined && <Fact name={name}>{formatDuration(ms)}</Fact>)}
      <Fact name="attempt">{job.attempt}</Fact>
      {costUsd !== undefined && <Fact name="cost">{formatCost(costUsd)}</Fact>}
      {failure && <Fact name="failure">{failure}</Fact>}
      {end?.type === 'failed' && <Fact name="in words">{end.error.message}</Fact>}
      {rerunOf && (
        <Fact name="rerun of">
          <a href={`/jobs/${rerunOf}`}>{rerunOf}</a>
        </Fact>
      )}
      {metadata && <Fact name="metadata">{JSON.stringify(metadata)}</Fact>}
      {end?.digest && (
        <Fact name="digest">
          {formatBytes(end.digest.bytes)}, SHA-256 <code>{end.digest.sha256}</code>
        </Fact>
      )}
    </dl>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** What the models were used for and cost, and the attempts before the last one. */
export function Costs({ end }: { end: TerminalEvent | undefined }) {
  const models = Object.entries(end?.models ?? {});
  const attempts = end?.attempts ?? [];
  if (models.length === 0 && attempts.length === 0) return null;
  return (
    <section>
      <h2>Usage and cost</h2>
      {models.length > 0 && (
        <table>
          <thead>
            <tr>
              <th>Model</th>
              <th>In</th>
              <th>Cached</th>
              <th>Out</th>
              <th>Cost</th>
            </tr>
          </thead>
          <tbody>
            {models.map(([model, used]) => (
              <tr key={model}>
                <td>{model}</td>
                <td>{used.inputTokens + used.cacheCreationTokens}</td>
                <td>{used.cacheReadTokens}</td>
                <td>{used.outputTokens}</td>
                <td>{formatCost(used.costUsd)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <ol>
        {attempts.map(({ outcome, costUsd }, index) => (
          <li key={index}>
            {outcome}, {costUsd === undefined ? 'cost unknown' : formatCost(costUsd)}
          </li>
        ))}
      </ol>
    </section>
  );
}

const STATES: Record<string, string> = {
  listening: 'listens',
  ended: 'was handed the end',
  left: 'left',
  lost: 'lost the log',
};

/** Did anybody get its end? */
export function Delivery({
  job: { listeners = [], moreListeners = 0, status, webhook },
}: {
  job: GetResult;
}) {
  const waiting = listeners.filter(({ watches }) => !watches);
  const lookedOn = listeners.length - waiting.length;
  const isHanded = waiting.some(({ state }) => state === 'ended');
  return (
    <section>
      <h2>Delivery</h2>
      <ul>
        {waiting.map(({ id, door, since, until, afterSeq, lastSeq, state }) => (
          <li key={id}>
            {door} from {formatTime(since)}:{' '}
            {lastSeq > afterSeq ? `events ${afterSeq + 1}–${lastSeq}` : `nothing after event ${afterSeq}`},{' '}
            <strong>{STATES[state]}</strong>
            {until !== undefined && ` at ${formatTime(until)}`}
          </li>
        ))}
        {moreListeners > 0 && <li>and {moreListeners} more</li>}
        {webhook && (
          <li>
            webhook to {webhook.origin}: <strong>{webhook.state}</strong>, {webhook.attempts} tries
            {webhook.lastStatus !== undefined && `, last answer ${webhook.lastStatus}`}
            {webhook.lastError && `, ${webhook.lastError}`}
            {webhook.nextAt !== undefined && `, again at ${formatTime(webhook.nextAt)}`}
          </li>
        )}
      </ul>
      {lookedOn > 0 && <p class="dim">{lookedOn} more only looked on, as this page does.</p>}
      {isTerminal(status) && !isHanded && <p>Nobody is known to have been handed the end.</p>}
      {!isTerminal(status) && waiting.length === 0 && <p>Nobody has listened yet.</p>}
    </section>
  );
}

export function Tools({ tools, more }: { tools: readonly ToolUse[]; more: number }) {
  if (tools.length === 0) return null;
  return (
    <section>
      <h2>Tools</h2>
      {tools.map((use) => (
        <ToolDetails key={use.started.toolUseId} use={use} />
      ))}
      {more > 0 && <p>and {more} more</p>}
    </section>
  );
}

/** Folded; input and result as they are, cut. */
export function ToolDetails({ use: { started, ended } }: { use: ToolUse }) {
  return (
    <details class={started.parent ? 'nested' : ''}>
      <summary>
        {started.name}
        {ended === undefined ? ', at work' : `, ${formatDuration(ended.durationMs)}`}
        {ended?.isError && <strong class="bad"> failed</strong>}
      </summary>
      <pre>{cut(JSON.stringify(started.input, undefined, 2))}</pre>
      {ended?.text && <pre>{cut(ended.text)}</pre>}
    </details>
  );
}

const MAX_TOOL_TEXT = 10_000;

function cut(text: string): string {
  if (text.length <= MAX_TOOL_TEXT) return text;
  return `${text.slice(0, MAX_TOOL_TEXT)}\n… ${text.length - MAX_TOOL_TEXT} more characters`;
}
