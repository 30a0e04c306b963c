/** Shows the page that the address asks for. Each is loaded anew: going back, links and new tabs are the browser's. */
import { render } from 'preact';
import { JobPage } from './job-page.tsx';
import { JobsPage } from './jobs-page.tsx';
import { OverviewPage } from './overview-page.tsx';

const [, place, jobId] = location.pathname.split('/');

render(place !== 'jobs' ? <OverviewPage /> : jobId ? <JobPage jobId={jobId} /> : <JobsPage />, document.body);
