/** What every page has around it. */
import type { ComponentChildren } from 'preact';

const PLACES = [
  ['/', 'Overview'],
  ['/jobs', 'Jobs'],
  ['/queues', 'Queue'],
] as const;

export function Frame({ children, title }: { children: ComponentChildren; title: string }) {
  document.title = `${title} · CC Executor`;
  const here = location.pathname;
  return (
    <>
      <header>
        <nav aria-label="Pages">
          <strong>CC Executor</strong>
          {PLACES.map(([path, name]) => (
            <a key={path} href={path} aria-current={path === here ? 'page' : undefined}>
              {name}
            </a>
          ))}
        </nav>
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
