/** The first page: what is here. */
import { Frame } from './frame.tsx';

export function OverviewPage() {
  return (
    <Frame title="Overview">
      <h1>CC Executor</h1>
      <p>Runs Claude Code for other programs.</p>
      <dl>
        <dt>
          <a href="/jobs">Jobs</a>
        </dt>
        <dd>
          Which jobs there are, what happened to each, what it said and cost, and who was handed its end.
        </dd>
        <dt>
          <a href="/queues">Queue</a>
        </dt>
        <dd>Which jobs wait, run, are done or have failed, as the queue has them.</dd>
        <dt>
          <a href="/ready">Readiness</a>
        </dt>
        <dd>Whether Redis answers.</dd>
      </dl>
    </Frame>
  );
}
