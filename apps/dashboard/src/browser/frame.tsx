/** What every page has around it. */
import type { ComponentChildren } from 'preact';
import { isAdmin, mayOperate, visitor } from './session.ts';

const PLACES = [
  ['/', 'Overview'],
  ['/jobs', 'Jobs'],
  ['/playground', 'Playground'],
  ['/queues', 'Queue'],
] as const;
/** What tells of all tenants. */
const OF_ALL: readonly string[] = ['/', '/queues'];

function isOffered(path: string): boolean {
  return OF_ALL.includes(path) ? isAdmin : path !== '/playground' || mayOperate;
}

export function Frame({ children, title }: { children: ComponentChildren; title: string }) {
  document.title = `${title} · CC Executor`;
  const here = location.pathname;
  return (
    <>
      <header>
        <nav aria-label="Pages">
          <strong>CC Executor</strong>
          {PLACES.filter(([path]) => isOffered(path)).map(([path, name]) => (
            <a key={path} href={path} aria-current={path === here ? 'page' : undefined}>
              {name}
            </a>
          ))}
        </nav>
        {visitor && (
          <form class="visitor" method="post" action="/sign-out">
            <span>
              {visitor.who} of {visitor.tenant}, may {visitor.role}
            </span>
            {visitor.hasSession && <button type="submit">Sign out</button>}
          </form>
        )}
      </header>
      <main>{children}</main>
      <footer>version {document.documentElement.dataset.version}</footer>
    </>
  );
}

/** What is wrong, in words; read out by screen readers when it comes. */
export function Trouble({ text }: { text: string | undefined }) {
  return <div role="alert">{text !== undefined && <p class="trouble">{text}</p>}</div>;
}

export function Status({ status, note = '' }: { status: string; note?: string }) {
  return <span class={`status ${status}`}>{status.replace('_', ' ') + note}</span>;
}
