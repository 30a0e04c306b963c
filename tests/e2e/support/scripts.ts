/** A scripted upstream that answers each prompt with the script that was filed under it. */
import { startScriptedUpstream, type UpstreamScript, type UpstreamStep } from '@cc-executor/testing';
import { nonce } from './nonce.ts';

/** Starts it. `file` takes a script and returns the prompt to which it is the answer. */
export async function startScripts() {
  const scripts = new Map<string, UpstreamScript>();
  const upstream = await startScriptedUpstream(({ body }) => {
    const script = scripts.get(String(body.question));
    if (script === undefined) throw new Error('no script was filed for this prompt');
    return script;
  });
  return {
    upstream,
    file(steps: UpstreamStep[], rest: Omit<UpstreamScript, 'steps'> = {}): string {
      const prompt = `script ${nonce()}`;
      scripts.set(prompt, { ...rest, steps });
      return prompt;
    },
  };
}
