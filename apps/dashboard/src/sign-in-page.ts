/** The page on which one signs in: a form, without a script. */
import { escapeHtml, renderDocument } from './document.ts';

/** @param shown.next where to go then: a path of ours */
export function renderSignIn({ next, trouble }: { next: string; trouble?: string | undefined }): string {
  return renderDocument({
    title: 'Sign in · CC Executor',
    body: `<main class="sign-in">
<h1>Sign in</h1>
<p>With a key of <code>cc-executor keys</code>, or a token of your issuer. What it may do, you may do here.</p>
<div role="alert">${trouble === undefined ? '' : `<p class="trouble">${escapeHtml(trouble)}</p>`}</div>
<form method="post" action="/sign-in">
<input type="hidden" name="next" value="${escapeHtml(next)}">
<label>Key
<input type="password" name="key" required autofocus autocomplete="current-password" spellcheck="false">
</label>
<button type="submit">Sign in</button>
</form>
</main>`,
  });
}
