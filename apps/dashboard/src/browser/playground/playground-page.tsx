/**
 * The playground: a prompt with options, its answer as it comes, and what would ask the same from a program. The page's address
 * names the job (and its conversation), so a reload, or another tab, goes on where the job is.
 */
import type { ExecuteParams, TerminalEvent } from '@cc-executor/client';
import { useEffect, useState } from 'preact/hooks';
import { Frame, Trouble } from '../frame.tsx';
import { whyNoPlayground } from '../permission.ts';
import type { Attachment } from './attachments.ts';
import { Composer } from './composer.tsx';
import { Connection } from './connection.tsx';
import { openDoor } from './door.ts';
import { OptionFields } from './option-fields.tsx';
import { addressOf, findTurns, keepPrompt } from './places.ts';
import type { ReadOptions } from './read-options.ts';
import { RequestPanel } from './request-panel.tsx';
import { type Asked, Turn } from './turn.tsx';

export function PlaygroundPage({ jobId }: { jobId: string | undefined }) {
  const whyNot = whyNoPlayground();
  return (
    <Frame title="Playground">
      <h1>Playground</h1>
      {whyNot === undefined ? <Playground jobId={jobId} /> : <p>{whyNot}</p>}
    </Frame>
  );
}

function Playground({ jobId }: { jobId: string | undefined }) {
  const [door] = useState(openDoor);
  const [conversation, setConversation] = useState(
    () => new URLSearchParams(location.search).get('conversation') ?? undefined,
  );
  const [turns, setTurns] = useState<readonly Asked[]>([]);
  const [trouble, setTrouble] = useState<string>();
  const [prompt, setPrompt] = useState('');
  const [attachments, setAttachments] = useState<readonly Attachment[]>([]);
  const [options, setOptions] = useState<ReadOptions>({ params: {}, faults: [] });
  const [ended, setEnded] = useState<string>();
  const isBusy = turns.length > 0 && turns.at(-1)?.jobId !== ended;
  const params: ExecuteParams = { ...options.params, ...(conversation && { conversation }), prompt };

  useEffect(() => {
    if (jobId === undefined) return;
    findTurns(door.client, { jobId, conversation }).then(setTurns, ({ message }) => setTrouble(message));
  }, []);

  async function send(): Promise<void> {
    setTrouble(undefined);
    try {
      const files = attachments.map(({ mediaType, data }) => ({ mediaType, data }));
      const asked = { ...params, ...(files.length > 0 && { attachments: files }), attach: false };
      const { jobId } = await door.client.execute(asked);
      keepPrompt(jobId, prompt);
      history.replaceState(null, '', addressOf(jobId, conversation));
      setTurns([...turns, { jobId, prompt, attachments }]);
      setPrompt('');
      setAttachments([]);
    } catch (error) {
      setTrouble((error as Error).message);
    }
  }

  function noteEnd(jobId: string, end: TerminalEvent): void {
    if (end.conversation) setConversation(end.conversation);
    if (end.conversation) history.replaceState(null, '', addressOf(jobId, end.conversation));
    setEnded(jobId);
  }

  return (
    <>
      <Connection door={door} />
      <div class="panels playground">
        <section aria-label="Conversation">
          {turns.map((asked, index) => (
            <Turn
              key={asked.jobId}
              client={door.client}
              asked={asked}
              onEnd={index === turns.length - 1 ? noteEnd : undefined}
            />
          ))}
          <Composer
            prompt={prompt}
            onPrompt={setPrompt}
            attachments={attachments}
            onAttachments={setAttachments}
            isBusy={isBusy}
            faults={options.faults}
            onSend={send}
          />
          <Trouble text={trouble} />
          {turns.length > 0 && <a href="/playground">New conversation</a>}
        </section>
        <section>
          <h2>Options</h2>
          <OptionFields onChange={setOptions} />
          <RequestPanel params={params} attachments={attachments} />
        </section>
      </div>
    </>
  );
}
