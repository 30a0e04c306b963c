/** How the connection stands, with a way to break it: what is promised is seen best when it breaks. */
import { useEffect, useState } from 'preact/hooks';
import { type Door, useClientState } from './door.ts';

export function Connection({ door }: { door: Door }) {
  const state = useClientState(door.client);
  const [cuts, setCuts] = useState(0);
  const [health, setHealth] = useState<'degraded' | 'restored'>('restored');
  useEffect(() => door.client.on('health', setHealth), [door]);

  function cut(): void {
    setCuts(cuts + 1);
    door.cut();
  }

  return (
    <div class="buttons">
      <span role="status">
        connection: <strong class={`connection ${state}`}>{state}</strong>
        {cuts > 0 && `, cut ${cuts === 1 ? 'once' : `${cuts} times`}`}
        {health === 'degraded' && ', the gateway cannot read its log: events may be late'}
      </span>
      <button type="button" onClick={cut} disabled={state !== 'connected'}>
        Cut my connection
      </button>
    </div>
  );
}
