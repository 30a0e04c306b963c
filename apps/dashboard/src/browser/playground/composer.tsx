/** What is asked: a prompt, and files that are pasted, dropped or chosen. */
import { useState } from 'preact/hooks';
import { ACCEPTED, type Attachment, addFiles } from './attachments.ts';

export type ComposerProps = {
  prompt: string;
  onPrompt: (prompt: string) => void;
  attachments: readonly Attachment[];
  onAttachments: (attachments: readonly Attachment[]) => void;
  /** The job before it has not ended. */
  isBusy: boolean;
  /** Of the options. */
  faults: readonly string[];
  onSend: () => Promise<void>;
};

export function Composer(props: ComposerProps) {
  const { prompt, onPrompt, attachments, onAttachments, isBusy, faults, onSend } = props;
  const [isSending, setSending] = useState(false);
  const [refused, setRefused] = useState<readonly string[]>([]);
  const isReady = prompt.trim() !== '' && !isBusy && !isSending && faults.length === 0;

  async function take(files: FileList | null | undefined): Promise<void> {
    const added = await addFiles(attachments, files ?? []);
    onAttachments(added.attachments);
    setRefused(added.faults);
  }

  async function send(): Promise<void> {
    if (!isReady) return;
    setSending(true);
    await onSend();
    setSending(false);
  }

  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault();
        void take(event.dataTransfer?.files);
      }}
    >
      <label>
        Prompt
        <textarea
          rows={4}
          value={prompt}
          onInput={({ currentTarget }) => onPrompt(currentTarget.value)}
          onPaste={({ clipboardData }) => clipboardData?.files.length && take(clipboardData.files)}
          onKeyDown={({ key, ctrlKey, metaKey }) => key === 'Enter' && (ctrlKey || metaKey) && send()}
        />
      </label>
      <ul class="files">
        {attachments.map((attachment) => (
          <li key={attachment.data}>
            {attachment.mediaType.startsWith('image/') && (
              <img src={`data:${attachment.mediaType};base64,${attachment.data}`} alt="" />
            )}
            {attachment.name}{' '}
            <button
              type="button"
              aria-label={`Leave out ${attachment.name}`}
              onClick={() => onAttachments(attachments.filter((other) => other !== attachment))}
            >
              ×
            </button>
          </li>
        ))}
      </ul>
      <div role="alert">
        {[...faults, ...refused].map((fault) => (
          <p key={fault} class="trouble">
            {fault}
          </p>
        ))}
      </div>
      <div class="buttons">
        <button type="submit" disabled={!isReady}>
          Send
        </button>
        <label class="choose">
          Pictures and documents
          <input
            type="file"
            multiple
            accept={ACCEPTED}
            onChange={async ({ currentTarget }) => {
              await take(currentTarget.files);
              currentTarget.value = '';
            }}
          />
        </label>
        <small>Ctrl+Enter sends; files may be pasted or dropped as well</small>
      </div>
    </form>
  );
}
