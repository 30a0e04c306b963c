/** Texts to take along. */
import { useState } from 'preact/hooks';

/** A function that copies a text, and what to say about that: where it cannot be done, the text itself. */
export function useCopying(): [said: string, copy: (name: string, text: string) => Promise<void>] {
  const [said, setSaid] = useState('');
  async function copy(name: string, text: string): Promise<void> {
    // Browsers give no clipboard to pages that came over plain HTTP from elsewhere.
    const isDone = await navigator.clipboard?.writeText(text).then(
      () => true,
      () => false,
    );
    setSaid(isDone ? `Copied for ${name}` : text);
  }
  return [said, copy];
}
