/** The first page: how all of it is, asked again while somebody looks. */
import type { OverviewResult } from '@cc-executor/protocol/plain';
import type { ComponentChildren } from 'preact';
import { formatBytes, formatCost, formatDuration, formatTime } from './format.ts';
import { Frame, Status, Trouble } from './frame.tsx';
import { useFresh } from './fresh.ts';
import { getOverview } from './gateway.ts';
import { Services } from './overview-services.tsx';
import { Throughput } from './throughput.tsx';

const SPANS = [
  ['60', 'last hour'],
  ['360', 'last 6 hours'],
  ['1440', 'last 24 hours'],
] as const;
/** Of a day 1,440 minutes are read. */
const everyMsOf = (minutes: string) => (minutes === '60' ? 5_000 : 30_000);
const LATENCIES = [
  ['queue', 'accepted → taken by a worker'],
  ['start', 'taken → Claude Code is ready'],
  ['firstOutput', 'taken → first output'],
  ['duration', 'accepted → ended'],
] as const;

export function OverviewPage() {
  const asked = new URLSearchParams(location.search).get('minutes');
  const minutes = SPANS.find(([value]) => value === asked)?.[0] ?? '60';
  const { value, trouble } = useFresh((signal) => getOverview(minutes, signal), {
    key: minutes,
    everyMs: everyMsOf(minutes),
  });
  return (
    <Frame title="Overview">
      <h1>Overview</h1>
      <nav class="buttons" aria-label="Time">
        {SPANS.map(([span, words]) => (
          <a key={span} href={`/?minutes=${span}`} aria-current={span === minutes ? 'page' : undefined}>
            {words}
          </a>
        ))}
      </nav>
      <Trouble text={trouble} />
      {value && <Overview overview={value} minutes={Number(minutes)} />}
    </Frame>
  );
}

function Overview({ overview, minutes }: { overview: OverviewResult; minutes: number }) {
  const { queue, ended, latencies, usageLimits, redis, now } = overview;
  const jobs = ended.reduce((sum, one) => sum + one.jobs, 0);
  const cost = overview.steps.reduce((sum, { costUsd }) => sum + costUsd, 0);
  return (
    <>
      <dl class="tiles">
        <Tile name="waiting" value={queue.waiting} href="/jobs?status=queued">
          {queue.oldestWaitingMs > 0 && `the next for ${formatDuration(queue.oldestWaitingMs)}`}
        </Tile>
        <Tile name="running" value={queue.active} href="/jobs?status=running">
          {queue.delayed > 0 && `${queue.delayed} delayed`}
        </Tile>
        <Tile name="ended" value={jobs}>{`${(jobs / minutes).toFixed(1)} a minute`}</Tile>
        <Tile name="cost" value={formatCost(cost)} />
      </dl>
      {usageLimits.map(({ model, limit, credential, resetsAt }) => (
        <p key={`${model} ${limit} ${credential}`} class="trouble">
          A usage limit{limit && ` (${limit})`} keeps jobs{credential && ` with ${credential}`} from{' '}
          {model ? `the model ${model}` : 'all models'}:{' '}
          {resetsAt > now ? `it is lifted ${formatTime(resetsAt)}` : 'one job is about to try again'}
        </p>
      ))}
      <Throughput overview={overview} minutes={minutes} />
      <div class="panels even">
        <section>
          <h2>How jobs ended</h2>
          {jobs === 0 && <p>None has.</p>}
          <table>
            <tbody>
              {ended.map(({ status, reason, jobs: count }) => (
                <tr key={`${status} ${reason}`}>
                  <td>
                    <Status status={status} /> {reason}
                  </td>
                  <td class="number">{count}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
        <section>
          <h2>How long it took</h2>
          <table>
            <thead>
              <tr>
                <th>Time</th>
                <th class="number">p50</th>
                <th class="number">p95</th>
                <th class="number">p99</th>
              </tr>
            </thead>
            <tbody>
              {LATENCIES.map(([name, words]) => {
                const found = latencies[name];
                return (
                  <tr key={name}>
                    <td>{words}</td>
                    {[found?.p50Ms, found?.p95Ms, found?.p99Ms].map((ms, i) => (
                      <td key={String(i)} class="number">
                        {ms === undefined ? '–' : formatDuration(ms)}
                      </td>
                    ))}
                  </tr>
                );
              })}
            </tbody>
          </table>
        </section>
      </div>
      <Days days={overview.days} />
      <Services services={overview.services} now={now} />
      <section>
        <h2>Redis</h2>
        <p>
          {redis.version && `Version ${redis.version}, `}
          {redis.latencyMs !== undefined && `answers in ${redis.latencyMs} ms, `}
          {redis.memory
            ? `${formatBytes(redis.memory.usedBytes)} of ${formatBytes(redis.memory.maxBytes)} are used`
            : 'memory without a limit'}
          {redis.durability === 'kept' && '; what it acknowledges is kept'}
        </p>
        {redis.faults.map((fault) => (
          <p key={fault} class="trouble">
            {fault}
          </p>
        ))}
      </section>
    </>
  );
}

type TileProps = { name: string; value: number | string; href?: string; children?: ComponentChildren };

function Tile({ name, value, href, children }: TileProps) {
  return (
    <div>
      <dt>{href ? <a href={href}>{name}</a> : name}</dt>
      <dd>
        <strong>{value}</strong> <small>{children}</small>
      </dd>
    </div>
  );
}

function Days({ days }: Pick<OverviewResult, 'days'>) {
  if (days.length === 0) return null;
  return (
    <section>
      <h2>Cost by day (UTC)</h2>
      <table class="stacked">
        <thead>
          <tr>
            <th>Day</th>
            <th class="number">Jobs</th>
            <th class="number">Cost</th>
            <th class="number">Tokens</th>
            <th>Models</th>
            <th>Tenants</th>
          </tr>
        </thead>
        <tbody>
          {days.map(({ date, jobs, costUsd, tokens, models, tenants }) => (
            <tr key={date}>
              <td>{date}</td>
              <td class="number" data-label="jobs">
                {jobs}
              </td>
              <td class="number" data-label="cost">
                {formatCost(costUsd)}
              </td>
              <td class="number" data-label="tokens">
                {tokens.toLocaleString()}
              </td>
              <td data-label="models">{spentOn(models)}</td>
              <td data-label="tenants">{spentOn(tenants)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function spentOn(all: readonly { name: string; costUsd: number }[]): string {
  return all.map(({ name, costUsd }) => `${name || 'unknown'} ${formatCost(costUsd)}`).join(', ');
}
