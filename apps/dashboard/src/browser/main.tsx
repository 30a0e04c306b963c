/** Shows the page that the address asks for. Each is loaded anew: going back, links and new tabs are the browser's. */
import { render } from 'preact';
import { JobPage } from './job-page.tsx';
import { JobsPage } from './jobs-page.tsx';
import { OverviewPage } from './overview-page.tsx';

const [, place, jobId] = location.pathname.split('/');

async function pageAt() {
  if (place === 'playground') {
    // What it is made of is larger than all other pages together.
    const { PlaygroundPage } = await import('./playground/playground-page.tsx');
    return <PlaygroundPage jobId={jobId} />;
  }
  if (place !== 'jobs') return <OverviewPage />;
  return jobId ? <JobPage jobId={jobId} /> : <JobsPage />;
}

render(await pageAt(), document.body);
