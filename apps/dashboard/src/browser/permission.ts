/** Whether the playground is offered to who looks. */
import { mayOperate } from './session.ts';

/** Why not, in words; undefined where it is. */
export function whyNoPlayground(): string | undefined {
  if (document.documentElement.dataset.content === 'hidden')
    return 'Prompts and output are hidden here (DASHBOARD_SHOW_CONTENT is off), and a playground shows both.';
  if (!mayOperate) return 'Your key may only look: to start jobs it needs the scope write.';
  return undefined;
}
